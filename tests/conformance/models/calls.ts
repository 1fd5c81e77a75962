/**
 * How families of models write calls: facts of their templates, here with texts of our own.
 *
 * @module
 */

/** A value of an argument; whole numbers of any size. */
export type Value = string | bigint;

/** A call that a model makes. */
export interface Call {
  readonly name: string;
  readonly args: Readonly<Record<string, Value>>;
}

/** Writes the calls of one answer. */
export type WriteCalls = (calls: readonly Call[]) => string;

const json = (value: Value) => typeof value === "string" ? JSON.stringify(value) : String(value);
const raw = (value: Value) => String(value);

/** Arguments as most models write them. */
export function argumentsJson({ args }: Call): string {
  const members = Object.entries(args).map(([key, value]) => `"${key}": ${json(value)}`);
  return `{${members.join(", ")}}`;
}

const each =
  (write: (call: Call, index: number) => string, between = "") => (calls: readonly Call[]) =>
    calls.map(write).join(between);

const params = (args: Call["args"], write: (key: string, value: Value) => string, between = "") =>
  Object.entries(args).map(([key, value]) => write(key, value)).join(between);

/** An object with these names for the function's name and its arguments. */
const object = (call: Call, name = "name", args = "arguments") =>
  `{"${name}": "${call.name}", "${args}": ${argumentsJson(call)}}`;

const id = (index: number) => `call0000${index}`;

/** Hermes, Qwen 2.5 and 3, Granite 4, Reka, …: JSON in tags. */
export const hermes: WriteCalls = each(
  (call) => `<tool_call>\n${object(call)}\n</tool_call>`,
  "\n",
);

/** A list of objects between two marks. */
export const list = (before: string, after: string, withId = false): WriteCalls => (calls) => {
  const objects = calls.map((call, index) =>
    withId ? `${object(call).slice(0, -1)}, "id": "${id(index)}"}` : object(call)
  );
  return `${before}[${objects.join(", ")}]${after}`;
};

/** Llama 3: one bare object. */
export const bare: WriteCalls = each((call) => object(call, "name", "parameters"), "; ");

/** Qwen3-Coder, Qwen3.5, Nemotron 3, Step, Seed: a tag for each parameter. */
export const functionTags = (tag: string, newline: string, between = "\n"): WriteCalls =>
  each(({ name, args }) => {
    const lines = params(
      args,
      (key, value) => `<parameter=${key}>${newline}${raw(value)}${newline}</parameter>\n`,
    );
    return `<${tag}>\n<function=${name}>\n${lines}</function>\n</${tag}>`;
  }, between);

/** GLM, Laguna: keys and values in turn. */
export const keysAndValues = (newline: string, between: string): WriteCalls =>
  each(({ name, args }) => {
    const lines = params(
      args,
      (key, value) =>
        `<arg_key>${key}</arg_key>${newline}<arg_value>${raw(value)}</arg_value>${newline}`,
    );
    return `<tool_call>${name}${newline}${lines}</tool_call>`;
  }, between);

/** Hunyuan 3: GLM's with a suffix and a section. */
export const hunyuan: WriteCalls = (calls) => {
  const tag = (name: string) => `${name}:opensource`;
  const written = calls.map(({ name, args }) => {
    const lines = params(args, (key, value) =>
      `<${tag("arg_key")}>${key}</${tag("arg_key")}>\n` +
      `<${tag("arg_value")}>${raw(value)}</${tag("arg_value")}>\n`);
    return `<${tag("tool_call")}>${name}<${tag("tool_sep")}>\n${lines}</${tag("tool_call")}>\n`;
  });
  return `<${tag("tool_calls")}>\n${written.join("")}</${tag("tool_calls")}>`;
};

/** MiniMax M2. */
export const minimax: WriteCalls = (calls) => {
  const written = calls.map(({ name, args }) =>
    `<invoke name="${name}">\n${
      params(args, (key, value) => `<parameter name="${key}">${raw(value)}</parameter>\n`)
    }</invoke>\n`
  );
  return `<minimax:tool_call>\n${written.join("")}</minimax:tool_call>`;
};

/** MiniMax M3: every tag after a mark. */
export const minimax3: WriteCalls = (calls) => {
  const mark = "]<]minimax[>[";
  const written = calls.map(({ name, args }) =>
    `${mark}<invoke name="${name}">${
      params(args, (key, value) => `${mark}<${key}>${raw(value)}${mark}</${key}>`)
    }${mark}</invoke>\n`
  );
  return `${mark}<tool_call>\n${written.join("")}${mark}</tool_call>`;
};

/** MiniMax M1: a line of JSON for each. */
export const minimax1: WriteCalls = (calls) =>
  `<tool_calls>\n${calls.map((call) => `${object(call)}\n`).join("")}</tool_calls>`;

/** DeepSeek V3.1. */
export const deepseek: WriteCalls = (calls) => {
  const written = calls.map((call) =>
    `<｜tool▁call▁begin｜>${call.name}<｜tool▁sep｜>${argumentsJson(call)}<｜tool▁call▁end｜>`
  );
  return `<｜tool▁calls▁begin｜>${written.join("")}<｜tool▁calls▁end｜>`;
};

/** DeepSeek R1 and its distills: a fenced block. */
export const deepseekFenced: WriteCalls = (calls) => {
  const written = calls.map((call) =>
    `<｜tool▁call▁begin｜>function<｜tool▁sep｜>${call.name}\n\`\`\`json\n${
      argumentsJson(call)
    }\n\`\`\`<｜tool▁call▁end｜>`
  );
  return `<｜tool▁calls▁begin｜>${written.join("\n")}<｜tool▁calls▁end｜>`;
};

/** DeepSeek V3.2 and V4. */
export const dsml = (section: string): WriteCalls => (calls) => {
  const tag = (name: string) => `｜DSML｜${name}`;
  const written = calls.map(({ name, args }) =>
    `<${tag("invoke")} name="${name}">\n${
      params(args, (key, value) =>
        `<${tag("parameter")} name="${key}" string="${typeof value === "string"}">${raw(value)}</${
          tag("parameter")
        }>\n`)
    }</${tag("invoke")}>\n`
  );
  return `\n\n<${tag(section)}>\n${written.join("")}</${tag(section)}>`;
};

/** Kimi K2. */
export const kimi: WriteCalls = (calls) => {
  const written = calls.map((call, index) =>
    `<|tool_call_begin|>functions.${call.name}:${index}<|tool_call_argument_begin|>${
      argumentsJson(call)
    }<|tool_call_end|>`
  );
  return `<|tool_calls_section_begin|>${written.join("")}<|tool_calls_section_end|>`;
};

/** Kimi K3. */
export const kimi3: WriteCalls = (calls) => {
  const open = (text: string) => `<|open|>${text}<|sep|>`;
  const close = (text: string) => `<|close|>${text}<|sep|>`;
  const written = calls.map(({ name, args }, index) =>
    open(`call tool="${name}" index="${index + 1}"`) +
    params(args, (key, value) => {
      const type = typeof value === "string" ? "string" : "number";
      return `${open(`argument key="${key}" type="${type}"`)}${raw(value)}${close("argument")}`;
    }) +
    close("call")
  );
  return open("response") + close("response") + open("tools") + written.join("") + close("tools") +
    close("message");
};

/** gpt-oss. */
export const harmony: WriteCalls = ([call]) =>
  `<|start|>assistant<|channel|>commentary to=functions.${call!.name} <|constrain|>json<|message|>${
    argumentsJson(call!)
  }<|call|>`;

/** Gemma 4: values in its own syntax. */
export const gemma: WriteCalls = each(({ name, args }) => {
  const members = params(
    args,
    (key, value) => `${key}:${typeof value === "string" ? `<|"|>${value}<|"|>` : value}`,
    ",",
  );
  return `<|tool_call>call:${name}{${members}}<tool_call|>`;
});

/** LFM2: calls of Python. */
export const python: WriteCalls = (calls) => {
  const written = calls.map(({ name, args }) =>
    `${name}(${params(args, (key, value) => `${key}=${json(value)}`, ", ")})`
  );
  return `<|tool_call_start|>[${written.join(", ")}]<|tool_call_end|>`;
};

/** Mistral since Small 3.2; some with an id. */
export const mistral = (withId: boolean): WriteCalls =>
  each((call, index) =>
    `[TOOL_CALLS]${call.name}${withId ? `[CALL_ID]${id(index)}` : ""}[ARGS]${argumentsJson(call)}`
  );

/** Command R7B and A. */
export const actions: WriteCalls = (calls) => {
  const written = calls.map((call, index) =>
    `    {"tool_call_id": "${index}", "tool_name": "${call.name}", "parameters": ${
      argumentsJson(call)
    }}`
  );
  return `<|START_ACTION|>[\n${written.join(",\n")}\n]<|END_ACTION|>`;
};

/** Command R+. */
export const fencedActions: WriteCalls = (calls) => {
  const written = calls.map((call) => object(call, "tool_name", "parameters"));
  return `Action:\n\`\`\`json\n[${written.join(", ")}]\n\`\`\``;
};

/** functionary 3.1. */
export const functionJson: WriteCalls = each((call) =>
  `<function=${call.name}>${argumentsJson(call)}</function>`
);

/** functionary 3.2, whose prompt ends with the first `>>>`. */
export const recipients: WriteCalls = each((call) => `${call.name}\n${argumentsJson(call)}`, ">>>");

/** Apertus: the name is the key. */
export const nameAsKey: WriteCalls = (calls) =>
  `<|tools_prefix|>[${
    calls.map((call) => `{"${call.name}": ${argumentsJson(call)}}`).join(", ")
  }]<|tools_suffix|>`;

/** GigaChat: one object after a mark. */
export const afterMark = (mark: string): WriteCalls => each((call) => `${mark}${object(call)}`);

/** MiniCPM 5. */
export const functionParams: WriteCalls = each(
  ({ name, args }) =>
    `<function name="${name}">${
      params(args, (key, value) => `<param name="${key}">${raw(value)}</param>`)
    }</function>`,
  "\n",
);

/** Solar Open. */
export const solar: WriteCalls = (calls) => {
  const written = calls.map((call, index) =>
    `<|tool_call:begin|>${id(index)}<|tool_call:name|>${call.name}<|tool_call:args|>${
      argumentsJson(call)
    }<|tool_call:end|>`
  );
  return `<|begin|>assistant<|tool_calls|>${written.join("")}<|calls|>`;
};

/** Muse: a message to each function. */
export const muse: WriteCalls = each(
  ({ name, args }) =>
    `<|start|>assistant to=${name}<|message|><atem:function_calls>\n<atem:invoke name="${name}">\n${
      params(args, (key, value) => `<atem:parameter name="${key}">${raw(value)}</atem:parameter>\n`)
    }</atem:invoke>\n</atem:function_calls>`,
  "<|eom|>",
);
