import * as calls from "./calls.ts";
import type { Call, WriteCalls } from "./calls.ts";

/** A family of models: its template, its marks, and how it writes. */
export interface Family {
  readonly name: string;
  /** Name of its template in llama.cpp's `models/templates`. */
  readonly template: string;
  /** Marks that are control tokens. */
  readonly control?: readonly string[];
  /** Marks that are user-defined tokens. */
  readonly userDefined?: readonly string[];
  readonly bos?: string;
  readonly eos?: string;
  /** What the model writes around its thought; nothing before it where the prompt has opened it. */
  readonly thought?: readonly [before: string, after: string];
  /** Variables of the template that make it think. */
  readonly thinking?: Readonly<Record<string, unknown>>;
  /** What the model writes around an answer. */
  readonly answer?: readonly [before: string, after: string];
  readonly calls?: WriteCalls;
  /** Whether it calls several functions in one answer. */
  readonly parallel?: boolean;
  /** Whether arguments are JSON in the model's own text, which is then kept to the byte. */
  readonly ownJson?: boolean;
}

/** What each model thinks, answers and calls. */
export const THOUGHT = 'The user wants a place.\nI weigh: 1 < 2, and {"a": [1]} is only JSON.';
export const ANSWER = "It is **near**: see `x < y` and [this](there).\n\nDone.";
export const CALLS: readonly [Call, Call] = [
  { name: "find_place", args: { name: 'Café "Linde" <b>', id: 9007199254740993n } },
  { name: "get_hour", args: { city: "Oslo" } },
];

const IM = { control: ["<|im_start|>"], eos: "<|im_end|>" } as const;
const THINK = ["<think>", "</think>"] as const;
const TOOL = ["<tool_call>", "</tool_call>"] as const;
const LLAMA = {
  control: ["<|start_header_id|>", "<|end_header_id|>", "<|eom_id|>", "<|python_tag|>"],
  bos: "<|begin_of_text|>",
  eos: "<|eot_id|>",
} as const;
const DEEPSEEK = {
  bos: "<｜begin▁of▁sentence｜>",
  eos: "<｜end▁of▁sentence｜>",
  control: [
    ...["<｜User｜>", "<｜Assistant｜>", "<｜tool▁calls▁begin｜>", "<｜tool▁calls▁end｜>"],
    ...["<｜tool▁call▁begin｜>", "<｜tool▁call▁end｜>", "<｜tool▁sep｜>"],
    ...["<｜tool▁outputs▁begin｜>", "<｜tool▁outputs▁end｜>"],
    ...["<｜tool▁output▁begin｜>", "<｜tool▁output▁end｜>"],
  ],
  userDefined: THINK,
} as const;
const GLM = {
  control: ["[gMASK]", "<sop>", "<|system|>", "<|user|>", "<|assistant|>", "<|observation|>"],
  userDefined: [...THINK, ...TOOL, "<arg_key>", "</arg_key>", "<arg_value>", "</arg_value>"],
  eos: "<|endoftext|>",
} as const;
const KIMI = {
  control: [
    ...["<|im_system|>", "<|im_user|>", "<|im_assistant|>", "<|im_middle|>"],
    ...["<|tool_calls_section_begin|>", "<|tool_calls_section_end|>", "<|tool_call_begin|>"],
    ...["<|tool_call_argument_begin|>", "<|tool_call_end|>"],
  ],
  eos: "<|im_end|>",
} as const;
const MISTRAL = {
  control: [
    ...["[INST]", "[/INST]", "[AVAILABLE_TOOLS]", "[/AVAILABLE_TOOLS]", "[TOOL_RESULTS]"],
    ...["[/TOOL_RESULTS]", "[TOOL_CALLS]", "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]"],
    ...["[TOOL_CONTENT]", "[CALL_ID]", "[ARGS]", "[THINK]", "[/THINK]"],
  ],
} as const;
const COHERE = {
  control: [
    ...["<|START_OF_TURN_TOKEN|>", "<|USER_TOKEN|>", "<|CHATBOT_TOKEN|>", "<|SYSTEM_TOKEN|>"],
    ...["<|START_THINKING|>", "<|END_THINKING|>", "<|START_ACTION|>", "<|END_ACTION|>"],
    ...["<|START_RESPONSE|>", "<|END_RESPONSE|>", "<|START_TEXT|>", "<|END_TEXT|>"],
    ...["<|START_TOOL_RESULT|>", "<|END_TOOL_RESULT|>"],
  ],
  bos: "<BOS_TOKEN>",
  eos: "<|END_OF_TURN_TOKEN|>",
} as const;
const GRANITE = {
  control: ["<|start_of_role|>", "<|end_of_role|>"],
  eos: "<|end_of_text|>",
} as const;
const LFM = {
  ...IM,
  control: [...IM.control, "<|tool_list_start|>", "<|tool_list_end|>", "<|tool_call_start|>"]
    .concat(
      ["<|tool_call_end|>", "<|tool_response_start|>", "<|tool_response_end|>"],
    ),
  bos: "<|startoftext|>",
  calls: calls.python,
} as const;
const GIGACHAT = {
  control: ["<|role_sep|>", "<|function_call|>"],
  eos: "<|message_sep|>",
  parallel: false,
  ownJson: true,
} as const;
const GEMMA4 = {
  template: "google-gemma-4-31B-it",
  control: ["<|tool>", "<tool|>", "<|think|>", "<|turn>"],
  userDefined: [
    ...["<|tool_call>", "<tool_call|>", "<|tool_response>", "<tool_response|>", '<|"|>'],
    ...["<|channel>", "<channel|>"],
  ],
  bos: "<bos>",
  eos: "<turn|>",
  thought: ["<|channel>thought\n", "<channel|>"],
  thinking: { enable_thinking: true },
  calls: calls.gemma,
} as const;

/** Every family that the table asks. */
export const FAMILIES: readonly Family[] = [
  {
    name: "Qwen 2.5",
    template: "Qwen-Qwen2.5-7B-Instruct",
    ...{ ...IM, userDefined: TOOL, calls: calls.hermes, ownJson: true },
  },
  {
    name: "Qwen 3",
    template: "Qwen-Qwen3-0.6B",
    ...{ ...IM, userDefined: [...THINK, ...TOOL], calls: calls.hermes, ownJson: true },
    thought: ["<think>\n", "\n</think>\n\n"],
  },
  {
    name: "QwQ",
    template: "Qwen-QwQ-32B",
    ...{ ...IM, userDefined: [...THINK, ...TOOL], calls: calls.hermes, ownJson: true },
    thought: ["", "\n</think>\n\n"],
    thinking: { enable_thinking: true },
  },
  {
    name: "Qwen 3 Coder",
    template: "Qwen3-Coder",
    ...{ ...IM, userDefined: TOOL, calls: calls.functionTags("tool_call", "\n") },
  },
  {
    name: "Qwen 3.5",
    template: "Qwen3.5-4B",
    ...{ ...IM, userDefined: [...THINK, ...TOOL], calls: calls.functionTags("tool_call", "\n") },
    thought: ["", "\n</think>\n\n"],
  },
  {
    name: "Nemotron 3 Nano",
    template: "NVIDIA-Nemotron-3-Nano-30B-A3B-BF16",
    ...{ ...IM, userDefined: [...THINK, ...TOOL], calls: calls.functionTags("tool_call", "\n") },
    thought: ["", "\n</think>\n"],
  },
  {
    name: "Nemotron Nano 2",
    template: "NVIDIA-Nemotron-Nano-v2",
    ...{ control: ["<SPECIAL_10>", "<SPECIAL_11>"], eos: "<SPECIAL_12>", userDefined: THINK },
    thought: ["", "\n</think>\n"],
    ...{ calls: calls.list("<TOOLCALL>", "</TOOLCALL>"), ownJson: true },
  },
  {
    name: "Step 3.5 Flash",
    template: "StepFun3.5-Flash",
    ...{ ...IM, userDefined: [...THINK, ...TOOL] },
    calls: calls.functionTags("tool_call", "\n", ""),
    thought: ["", "\n</think>\n"],
  },
  {
    name: "Seed-OSS",
    template: "ByteDance-Seed-OSS",
    control: ["<seed:think>", "</seed:think>", "<seed:tool_call>", "</seed:tool_call>"],
    ...{ bos: "<seed:bos>", eos: "<seed:eos>" },
    thought: ["<seed:think>", "</seed:think>"],
    calls: calls.functionTags("seed:tool_call", ""),
  },
  {
    name: "Hermes 2 Pro",
    template: "NousResearch-Hermes-2-Pro-Llama-3-8B-tool_use",
    ...{ ...IM, calls: calls.hermes, ownJson: true },
  },
  {
    name: "Hermes 3",
    template: "NousResearch-Hermes-3-Llama-3.1-8B-tool_use",
    ...{ ...IM, userDefined: TOOL, calls: calls.hermes, ownJson: true },
  },
  {
    name: "Bielik 3",
    template: "Bielik-11B-v3.0-Instruct",
    ...{ ...IM, control: [...IM.control, "<|function_output|>"], calls: calls.hermes },
    ...{ userDefined: [...THINK, ...TOOL], ownJson: true },
    thought: ["", "\n</think>\n\n"],
    thinking: { enable_thinking: true },
  },
  {
    name: "MiMo VL",
    template: "MiMo-VL",
    ...{ ...IM, userDefined: [...THINK, ...TOOL], calls: calls.hermes, ownJson: true },
  },
  {
    name: "Reka Edge",
    template: "Reka-Edge",
    ...{ eos: "<sep>", userDefined: [...THINK, ...TOOL], calls: calls.hermes, ownJson: true },
    thought: ["", "\n</think>\n\n"],
    thinking: { enable_thinking: true },
  },
  {
    name: "SmolLM 3",
    template: "HuggingFaceTB-SmolLM3-3B",
    ...{ ...IM, userDefined: [...THINK, ...TOOL], calls: calls.hermes, ownJson: true },
    thought: ["<think>\n", "\n</think>\n"],
  },
  {
    name: "Granite 3.3",
    template: "ibm-granite-granite-3.3-2B-Instruct",
    ...{ ...GRANITE, control: [...GRANITE.control, "<|tool_call|>"], userDefined: THINK },
    thought: ["<think>", "</think>"],
    thinking: { thinking: true },
    ...{ calls: calls.list("<|tool_call|>", ""), ownJson: true },
  },
  {
    name: "Granite 4.0",
    template: "ibm-granite-granite-4.0",
    ...{ ...GRANITE, userDefined: TOOL, calls: calls.hermes, ownJson: true },
  },
  {
    name: "Granite 4.1",
    template: "ibm-granite-granite-4.1",
    ...{ ...GRANITE, userDefined: TOOL, calls: calls.hermes, ownJson: true },
  },
  {
    name: "GLM 4.6",
    template: "GLM-4.6",
    ...{ ...GLM, calls: calls.keysAndValues("\n", "\n") },
    thought: ["\n<think>", "</think>\n"],
  },
  {
    name: "GLM 4.7 Flash",
    template: "GLM-4.7-Flash",
    ...{ ...GLM, calls: calls.keysAndValues("", "") },
    thought: ["", "</think>"],
  },
  {
    name: "DeepSeek R1",
    template: "llama-cpp-deepseek-r1",
    ...{ ...DEEPSEEK, calls: calls.deepseekFenced, ownJson: true },
    thought: ["", "\n</think>\n\n"],
  },
  {
    name: "DeepSeek R1 Distill Llama",
    template: "deepseek-ai-DeepSeek-R1-Distill-Llama-8B",
    ...{ ...DEEPSEEK, calls: calls.deepseekFenced, ownJson: true },
    thought: ["", "\n</think>\n\n"],
  },
  {
    name: "DeepSeek R1 Distill Qwen",
    template: "deepseek-ai-DeepSeek-R1-Distill-Qwen-32B",
    ...{ ...DEEPSEEK, calls: calls.deepseekFenced, ownJson: true },
    thought: ["", "\n</think>\n\n"],
    thinking: { enable_thinking: true },
  },
  {
    name: "DeepSeek V3.1",
    template: "deepseek-ai-DeepSeek-V3.1",
    ...{ ...DEEPSEEK, calls: calls.deepseek, ownJson: true },
    thought: ["", "</think>"],
    thinking: { thinking: true },
  },
  {
    name: "DeepSeek V3.2",
    template: "deepseek-ai-DeepSeek-V3.2",
    ...{ ...DEEPSEEK, userDefined: [...THINK, "｜DSML｜"], calls: calls.dsml("function_calls") },
    thought: ["", "</think>"],
    thinking: { thinking: true, enable_thinking: true },
  },
  {
    name: "DeepSeek V4",
    template: "deepseek-ai-DeepSeek-V4",
    ...{ ...DEEPSEEK, userDefined: [...THINK, "｜DSML｜"], calls: calls.dsml("tool_calls") },
    thought: ["", "</think>"],
    thinking: { thinking: true, enable_thinking: true },
  },
  {
    name: "DeepSeek V4 Flash",
    template: "deepseek-ai-DeepSeek-V4-Flash-0731",
    ...{ ...DEEPSEEK, userDefined: [...THINK, "｜DSML｜"], calls: calls.dsml("tool_calls") },
    thought: ["", "</think>"],
    thinking: { thinking: true, enable_thinking: true },
  },
  {
    name: "Kimi K2",
    template: "moonshotai-Kimi-K2",
    ...{ ...KIMI, calls: calls.kimi, ownJson: true },
  },
  {
    name: "Kimi K2 Instruct",
    template: "Kimi-K2-Instruct",
    ...{ ...KIMI, calls: calls.kimi, ownJson: true },
  },
  {
    name: "Kimi K2 Thinking",
    template: "Kimi-K2-Thinking",
    ...{ ...KIMI, userDefined: THINK, calls: calls.kimi, ownJson: true },
    thought: ["<think>", "</think>"],
  },
  {
    name: "Kimi K3",
    template: "Kimi-K3",
    ...{ control: ["<|open|>", "<|close|>", "<|sep|>"], eos: "<|end_of_msg|>" },
    thought: ["", "<|close|>think<|sep|>"],
    answer: [
      "<|open|>response<|sep|>",
      "<|close|>response<|sep|><|close|>message<|sep|>",
    ],
    calls: calls.kimi3,
  },
  {
    name: "MiniMax M1",
    template: "MiniMax-M1",
    control: ["<beginning_of_sentence>"],
    ...{ eos: "<end_of_sentence>", userDefined: THINK },
    thought: ["<think>\n", "\n</think>\n\n"],
    ...{ calls: calls.minimax1, ownJson: true },
  },
  {
    name: "MiniMax M2",
    template: "MiniMax-M2",
    control: ["]~!b[", "]~b]"],
    ...{ eos: "[e~[", userDefined: [...THINK, "<minimax:tool_call>", "</minimax:tool_call>"] },
    ...{ thought: ["", "\n</think>\n\n"], calls: calls.minimax },
  },
  {
    name: "MiniMax M3",
    template: "MiniMax-M3",
    control: ["]~!b[", "]~b]"],
    ...{ eos: "[e~[", userDefined: ["<mm:think>", "</mm:think>", "]<]minimax[>["] },
    ...{ thought: ["<mm:think>", "</mm:think>"], calls: calls.minimax3 },
  },
  {
    name: "gpt-oss",
    template: "openai-gpt-oss-120b",
    control: ["<|start|>", "<|channel|>", "<|message|>", "<|constrain|>", "<|end|>", "<|call|>"],
    ...{ bos: "<|startoftext|>", eos: "<|return|>", parallel: false },
    thought: ["<|channel|>analysis<|message|>", "<|end|>"],
    answer: ["<|start|>assistant<|channel|>final<|message|>", ""],
    ...{ calls: calls.harmony, ownJson: true },
  },
  { name: "Gemma 4", ...GEMMA4 },
  { name: "Gemma 4 interleaved", ...GEMMA4, template: "google-gemma-4-31B-it-interleaved" },
  {
    name: "Gemma 2",
    template: "google-gemma-2-2b-it",
    ...{ control: ["<start_of_turn>"], bos: "<bos>", eos: "<end_of_turn>" },
    ...{ calls: calls.hermes, ownJson: true },
  },
  { name: "LFM 2", template: "LFM2-8B-A1B", ...LFM },
  {
    name: "LFM 2.5",
    template: "LFM2.5-8B-A1B",
    ...{ ...LFM, userDefined: THINK, thought: ["<think>", "</think>"] },
  },
  { name: "LFM 2.5 Instruct", template: "LFM2.5-Instruct", ...LFM },
  {
    name: "Mistral Nemo",
    template: "mistralai-Mistral-Nemo-Instruct-2407",
    ...{ ...MISTRAL, calls: calls.list("[TOOL_CALLS]", "", true), ownJson: true },
  },
  {
    name: "Mistral Small 3.2",
    template: "Mistral-Small-3.2-24B-Instruct-2506",
    ...{ ...MISTRAL, calls: calls.mistral(true), ownJson: true },
  },
  {
    name: "Devstral Small",
    template: "unsloth-mistral-Devstral-Small-2507",
    ...{ ...MISTRAL, calls: calls.mistral(false), ownJson: true },
  },
  {
    name: "Ministral 3 Reasoning",
    template: "mistralai-Ministral-3-14B-Reasoning-2512",
    ...{ ...MISTRAL, calls: calls.mistral(false), ownJson: true },
    thought: ["[THINK]", "[/THINK]"],
  },
  {
    name: "Command R7B",
    template: "CohereForAI-c4ai-command-r7b-12-2024-tool_use",
    ...{ ...COHERE, calls: calls.actions, ownJson: true },
    thought: ["<|START_THINKING|>", "<|END_THINKING|>"],
    thinking: { enable_thinking: true },
    answer: ["<|START_RESPONSE|>", "<|END_RESPONSE|>"],
  },
  {
    name: "Command A (MoE)",
    template: "Cohere2MoE",
    ...{ ...COHERE, calls: calls.actions, ownJson: true },
    thought: ["", "<|END_THINKING|>"],
    answer: ["<|START_TEXT|>", "<|END_TEXT|>"],
  },
  {
    name: "Command R+",
    template: "CohereForAI-c4ai-command-r-plus-tool_use",
    ...{ ...COHERE, calls: calls.fencedActions, ownJson: true },
  },
  {
    name: "Llama 3.1",
    template: "meta-llama-Llama-3.1-8B-Instruct",
    ...{ ...LLAMA, calls: calls.bare, parallel: false, ownJson: true },
  },
  {
    name: "Llama 3.2",
    template: "meta-llama-Llama-3.2-3B-Instruct",
    ...{ ...LLAMA, calls: calls.bare, parallel: false, ownJson: true },
  },
  {
    name: "Llama 3.3",
    template: "meta-llama-Llama-3.3-70B-Instruct",
    ...{ ...LLAMA, calls: calls.bare, ownJson: true },
  },
  {
    name: "functionary 3.1",
    template: "meetkai-functionary-medium-v3.1",
    ...{ ...LLAMA, calls: calls.functionJson, ownJson: true },
  },
  {
    name: "functionary 3.2",
    template: "meetkai-functionary-medium-v3.2",
    ...{ ...LLAMA, answer: ["all\n", ""], calls: calls.recipients, ownJson: true },
  },
  {
    name: "FireFunction 2",
    template: "fireworks-ai-llama-3-firefunction-v2",
    ...{ ...LLAMA, calls: calls.list(" functools", ""), ownJson: true },
  },
  {
    name: "Apertus",
    template: "Apertus-8B-Instruct",
    control: [
      ...["<|system_start|>", "<|system_end|>", "<|developer_start|>", "<|developer_end|>"],
      ...["<|user_start|>", "<|user_end|>", "<|assistant_start|>"],
      ...["<|tools_prefix|>", "<|tools_suffix|>", "<|inner_prefix|>", "<|inner_suffix|>"],
    ],
    ...{ eos: "<|assistant_end|>", calls: calls.nameAsKey, ownJson: true },
  },
  {
    name: "Apriel 1.5",
    template: "unsloth-Apriel-1.5",
    control: ["<|system|>", "<|user|>", "<|assistant|>", "<|tool_result|>"],
    ...{ eos: "<|end|>", userDefined: ["<tool_calls>", "</tool_calls>"] },
    ...{ calls: calls.list("<tool_calls>", "</tool_calls>"), ownJson: true },
  },
  {
    name: "Apriel 1.6",
    template: "Apriel-1.6-15b-Thinker-fixed",
    control: ["<|begin_system|>", "<|begin_user|>", "<|begin_assistant|>", "<|begin_tool_result|>"],
    ...{ eos: "<|end|>", userDefined: ["<tool_calls>", "</tool_calls>"] },
    thought: ["", "\n[BEGIN FINAL RESPONSE]\n"],
    ...{ calls: calls.list("<tool_calls>", "</tool_calls>"), ownJson: true },
  },
  {
    name: "GigaChat 3",
    template: "GigaChat3-10B-A1.8B",
    // A call is a message of its own, so here its mark does not end the answer.
    ...{ ...GIGACHAT, control: ["<|role_sep|>", "<|message_sep|>"], eos: "</s>" },
    calls: calls.afterMark("<|message_sep|>\n\nfunction call<|role_sep|>\n"),
  },
  {
    name: "GigaChat 3.1",
    template: "GigaChat3.1-10B-A1.8B",
    ...{ ...GIGACHAT, calls: calls.afterMark("<|function_call|>") },
  },
  {
    name: "Hunyuan 3",
    template: "tencent-Hy3",
    control: ["<｜hy_User:opensource｜>", "<｜hy_Assistant:opensource｜>"],
    userDefined: ["think", "tool_calls", "tool_call", "arg_key", "arg_value"].flatMap((
      name,
    ) => [`<${name}:opensource>`, `</${name}:opensource>`]).concat(["<tool_sep:opensource>"]),
    eos: "<｜hy_eos:opensource｜>",
    thought: ["", "</think:opensource>"],
    thinking: { reasoning_effort: "high" },
    calls: calls.hunyuan,
  },
  {
    name: "MiniCPM 5",
    template: "openbmb-MiniCPM5-1B",
    ...{ ...IM, bos: "<s>", userDefined: THINK, calls: calls.functionParams },
    thought: ["", "\n</think>\n\n"],
    thinking: { enable_thinking: true },
  },
  {
    name: "Laguna XS 2",
    template: "poolside-Laguna-XS.2",
    userDefined: [...GLM.userDefined, "<user>", "</user>", "<assistant>"],
    ...{ bos: "〈|EOS|〉", eos: "</assistant>", calls: calls.keysAndValues("\n", "\n") },
    thought: ["", "</think>\n"],
    thinking: { enable_thinking: true },
  },
  {
    name: "Laguna XS 2.1",
    template: "poolside-Laguna-XS-2.1",
    userDefined: [...GLM.userDefined, "<user>", "</user>", "<assistant>"],
    ...{ bos: "〈|EOS|〉", eos: "</assistant>", calls: calls.keysAndValues("\n", "\n") },
    thought: ["", "</think>\n"],
    thinking: { enable_thinking: true },
  },
  {
    name: "Laguna S 2.1",
    template: "poolside-Laguna-S-2.1",
    userDefined: [...GLM.userDefined, "<user>", "</user>", "<assistant>"],
    ...{ bos: "〈|EOS|〉", eos: "</assistant>", calls: calls.keysAndValues("", "") },
    thought: ["", "</think>"],
  },
  {
    name: "Muse Glimmer",
    template: "muse-glimmer",
    control: ["<|start|>", "<|message|>", "<|eom|>"],
    eos: "<|eot|>",
    thought: [" to=self<|message|>", "<|eom|>"],
    answer: ["<|start|>assistant to=user<|message|>", ""],
    calls: calls.muse,
  },
  {
    name: "Solar Open",
    template: "upstage-Solar-Open-100B",
    control: [
      ...[
        "<|flush|>",
        "<|begin|>",
        "<|content|>",
        "<|think|>",
        "<|end|>",
        "<|tool_calls|>",
        "<|tool_response|>",
      ],
      ...["<|tool_call:begin|>", "<|tool_call:name|>", "<|tool_call:args|>", "<|tool_call:end|>"],
    ],
    ...{ eos: "<|calls|>", thought: ["<|think|>", "<|end|>"], calls: calls.solar, ownJson: true },
    answer: ["<|begin|>assistant<|content|>", "<|end|>"],
  },
  {
    name: "Phi 3.5 mini",
    template: "microsoft-Phi-3.5-mini-instruct",
    control: ["<|user|>", "<|assistant|>", "<|system|>"],
    ...{ eos: "<|end|>", calls: calls.hermes, ownJson: true },
  },
  {
    name: "RWKV World",
    template: "llama-cpp-rwkv-world",
    ...{ eos: "</s>", calls: calls.hermes, ownJson: true },
  },
];

/** What the model of a family says: its scripts, in this order. */
export function scriptsOf(family: Family): { [name in ScriptName]: string } {
  const [before, after] = family.thought ?? ["", ""];
  const [open, close] = family.answer ?? ["", ""];
  const thought = family.thought ? before + THOUGHT + after : "";
  const write = family.calls ?? (() => "");
  return {
    text: `${thought}${open}${ANSWER}${close}`,
    single: thought + write(CALLS.slice(0, 1)),
    parallel: thought + write(CALLS),
  };
}

/** Names of the scripts. */
export const SCRIPTS = ["text", "single", "parallel"] as const;
export type ScriptName = typeof SCRIPTS[number];
