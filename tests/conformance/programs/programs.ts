import type { Command } from "./packages.ts";

/** Where a program runs. */
export interface Setting {
  /** Address of orchestratord. */
  readonly url: string;
  /** Its folder, with `note.txt`. */
  readonly work: string;
  /** Its home. */
  readonly home: string;
}

/** A call that a model makes. */
export interface ToolCall {
  readonly name: string;
  readonly args: Readonly<Record<string, unknown>>;
}

/** How a program is run without a person, with one tool that it calls. */
export interface Program {
  readonly command: Command;
  /** What it speaks, where a program speaks several dialects. */
  readonly dialect?: string;
  /**
   * What the model says first: a call of one of the program's tools, or a text that the program acts
   * on. The next answer ends the task.
   */
  readonly says: ToolCall | string;
  /** What it shows in the end, if that is not the model's answer. */
  readonly shows?: string;
  /** Files in its home, by their paths. */
  readonly files?: (setting: Setting) => Readonly<Record<string, string>>;
  readonly args: (setting: Setting) => readonly string[];
  readonly env?: (setting: Setting) => Readonly<Record<string, string>>;
}

/** What every program is asked; its word chooses what the model says first. */
const TASK = "Copy the note and say what it says ②";

/** Content of `note.txt`; its word chooses what the model says next. */
export const NOTE = "The note ③ says: all is well\n";

/** What the model says in the end. */
export const ANSWER = "The note says that all is well.";

/** Writes the copy, and shows the note to the model. */
const COPY = "tee copy.txt < note.txt";

/** Tokens of the model's context. A prompt has a token for each byte; those of Claude Code have most. */
export const CONTEXT = 200_000;

/** Name of the model that all programs ask. */
export const MODEL = "script";

/** The name of a program, with its dialect if it speaks several. */
export const nameOf = ({ command, dialect }: Program): string =>
  dialect ? `${command}-${dialect}` : command;

const json = (value: unknown) => JSON.stringify(value, null, 2);

/** Codex, with a provider of its own or with Ollama's. */
const codex = (dialect: string | undefined, more: readonly string[]): Program => ({
  command: "codex",
  ...(dialect ? { dialect } : {}),
  says: { name: "exec_command", args: { cmd: COPY } },
  files: ({ url }) => ({
    ".codex/config.toml": `model = "${MODEL}"
model_provider = "llorch"
[model_providers.llorch]
name = "llorch"
base_url = "${url}/v1"
wire_api = "responses"
`,
  }),
  args: () => [
    ...["exec", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox"],
    ...[...more, TASK],
  ],
  env: ({ url }) => ({ CODEX_OSS_BASE_URL: `${url}/v1` }),
});

/** Continue's command, with one of its providers. */
const cn = (dialect: string, provider: string, base: string): Program => ({
  command: "cn",
  dialect,
  says: { name: "Bash", args: { command: COPY } },
  files: ({ url }) => ({
    ".continue/config.yaml": `name: llorch
version: 1.0.0
schema: v1
models:
  - name: llorch
    provider: ${provider}
    model: ${MODEL}
    apiBase: ${url}${base}
    apiKey: none
    roles: [chat]
    capabilities: [tool_use]
`,
  }),
  args: ({ home }) => ["--config", `${home}/.continue/config.yaml`, "--auto", "-p", TASK],
  env: () => ({ CONTINUE_CLI_ENABLE_TELEMETRY: "0", CONTINUE_TELEMETRY_ENABLED: "0" }),
});

/** aider, which calls no tools: it reads files from the text. */
const aider = (dialect: string, provider: string): Program => ({
  command: "aider",
  dialect,
  says: `copy.txt\n\`\`\`\n${NOTE}\`\`\`\n`,
  shows: "Applied edit to copy.txt",
  args: () => [
    ...["--model", `${provider}/${MODEL}`, "--edit-format", "whole", "--no-stream"],
    ...["--yes-always", "--no-git", "--no-check-update", "--no-show-model-warnings"],
    ...["--analytics-disable", "--no-show-release-notes", "--message", TASK, "copy.txt"],
  ],
  env: ({ url }) => ({
    OPENAI_API_BASE: `${url}/v1`,
    OPENAI_API_KEY: "none",
    OLLAMA_API_BASE: url,
    LITELLM_LOCAL_MODEL_COST_MAP: "True",
  }),
});

/** pi, which speaks three dialects. */
const pi = (dialect: string, api: string, base: string): Program => ({
  command: "pi",
  dialect,
  says: { name: "bash", args: { command: COPY } },
  files: ({ url }) => ({
    ".pi/agent/models.json": json({
      providers: {
        llorch: {
          ...{ baseUrl: url + base, api, apiKey: "none" },
          models: [{ id: MODEL, contextWindow: CONTEXT, maxTokens: 4096, reasoning: true }],
        },
      },
    }),
  }),
  args: () => ["--provider", "llorch", "--model", MODEL, "-p", TASK],
  env: () => ({ PI_OFFLINE: "1", PI_SKIP_VERSION_CHECK: "1" }),
});

/** opencode, with a provider of the AI SDK. */
const opencode = (dialect: string, npm: string): Program => ({
  command: "opencode",
  dialect,
  says: { name: "bash", args: { command: COPY } },
  files: ({ url }) => ({
    ".config/opencode/opencode.json": json({
      ...{ model: `llorch/${MODEL}`, autoupdate: false, share: "disabled" },
      provider: {
        llorch: {
          ...{ npm, name: "llorch", options: { baseURL: `${url}/v1`, apiKey: "none" } },
          models: { [MODEL]: { limit: { context: CONTEXT, output: 4096 } } },
        },
      },
    }),
  }),
  args: () => ["run", TASK],
  env: () => ({
    OPENCODE_DISABLE_MODELS_FETCH: "1",
    OPENCODE_DISABLE_AUTOUPDATE: "1",
    OPENCODE_DISABLE_LSP_DOWNLOAD: "1",
  }),
});

/** GitHub's Copilot with a provider of one's own. */
const copilot = (
  dialect: string,
  env: Readonly<Record<string, string>>,
  base: string,
): Program => ({
  command: "copilot",
  dialect,
  says: { name: "bash", args: { command: COPY, description: "Copies the note" } },
  args: () => ["--allow-all-tools", "-p", TASK],
  env: ({ url }) => ({
    COPILOT_OFFLINE: "true",
    COPILOT_PROVIDER_BASE_URL: url + base,
    COPILOT_PROVIDER_API_KEY: "none",
    COPILOT_MODEL: MODEL,
    COPILOT_PROVIDER_MAX_PROMPT_TOKENS: String(CONTEXT - 4096),
    COPILOT_PROVIDER_MAX_OUTPUT_TOKENS: "4096",
    ...env,
  }),
});

/** `llm` with a function of our own. */
const llm = (
  dialect: string,
  model: string,
  own: Pick<Program, "files" | "env">,
): Program => ({
  command: "llm",
  dialect,
  says: { name: "copy_note", args: {} },
  files: (setting) => ({
    ...own.files?.(setting),
    "tools.py": `def copy_note() -> str:
    "Copies the note"
    text = open("${setting.work}/note.txt").read()
    open("${setting.work}/copy.txt", "w").write(text)
    return text
`,
  }),
  args: ({ home }) => ["-m", model, "--key=none", "--functions", `${home}/tools.py`, TASK],
  env: (setting) => ({ LLM_USER_PATH: `${setting.home}/llm`, ...own.env?.(setting) }),
});

/** Every program that is run. */
export const PROGRAMS: readonly Program[] = [
  codex(undefined, []),
  codex("oss", ["--oss", "--local-provider", "ollama", "-m", MODEL]),
  {
    command: "claude",
    says: { name: "Bash", args: { command: COPY, description: "Copies the note" } },
    args: () => ["-p", TASK, "--allowedTools", "Bash"],
    env: ({ url }) => ({
      ANTHROPIC_BASE_URL: url,
      ANTHROPIC_API_KEY: "none",
      ANTHROPIC_MODEL: MODEL,
      ANTHROPIC_DEFAULT_HAIKU_MODEL: MODEL,
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
    }),
  },
  opencode("chat", "@ai-sdk/openai-compatible"),
  opencode("messages", "@ai-sdk/anthropic"),
  opencode("responses", "@ai-sdk/openai"),
  pi("chat", "openai-completions", "/v1"),
  pi("messages", "anthropic-messages", ""),
  pi("responses", "openai-responses", "/v1"),
  {
    command: "qwen",
    says: { name: "run_shell_command", args: { command: COPY, description: "Copies the note" } },
    files: () => ({
      ".qwen/settings.json": json({
        security: { auth: { selectedType: "openai" } },
        privacy: { usageStatisticsEnabled: false },
        general: { enableAutoUpdate: false },
      }),
    }),
    args: () => ["--yolo", "-p", TASK],
    env: ({ url }) => ({
      OPENAI_BASE_URL: `${url}/v1`,
      OPENAI_API_KEY: "none",
      OPENAI_MODEL: MODEL,
    }),
  },
  cn("chat", "openai", "/v1"),
  cn("messages", "anthropic", "/v1"),
  cn("ollama", "ollama", ""),
  llm("chat", "llorch", {
    files: ({ url }) => ({
      "llm/extra-openai-models.yaml": `- model_id: llorch
  model_name: ${MODEL}
  api_base: ${url}/v1
  supports_tools: true
`,
    }),
  }),
  llm("ollama", `ollama/${MODEL}`, { env: ({ url }) => ({ OLLAMA_HOST: url }) }),
  copilot("chat", {}, "/v1"),
  copilot("messages", { COPILOT_PROVIDER_TYPE: "anthropic" }, ""),
  copilot("responses", { COPILOT_PROVIDER_WIRE_API: "responses" }, "/v1"),
  {
    command: "cline",
    says: { name: "run_commands", args: { commands: [COPY] } },
    files: ({ url }) => ({
      ".cline/data/settings/providers.json": json({
        ...{ version: 1, lastUsedProvider: "openai-compatible", modes: {} },
        providers: {
          "openai-compatible": {
            settings: {
              ...{ provider: "openai-compatible", apiKey: "none", model: MODEL },
              baseUrl: `${url}/v1`,
            },
            updatedAt: "2026-01-01T00:00:00.000Z",
            tokenSource: "manual",
          },
        },
      }),
    }),
    args: () => ["-P", "openai-compatible", "-m", MODEL, TASK],
  },
  aider("chat", "openai"),
  aider("ollama", "ollama_chat"),
  {
    command: "sgpt",
    says: { name: "copy_note", args: { place: "copy.txt" } },
    files: ({ work }) => ({
      ".config/shell_gpt/functions/copy_note.py": `import shutil
from pydantic import BaseModel

class Function(BaseModel):
    place: str

    @classmethod
    def execute(cls, place):
        shutil.copyfile("${work}/note.txt", "${work}/" + place)
        return open("${work}/note.txt").read()

    @classmethod
    def openai_schema(cls):
        function = {"name": "copy_note", "description": "Copies the note"}
        return {"type": "function", "function": {**function, "parameters": cls.model_json_schema()}}
`,
    }),
    args: () => ["--model", MODEL, "--no-md", "--no-cache", TASK],
    env: ({ url }) => ({ API_BASE_URL: `${url}/v1`, OPENAI_API_KEY: "none" }),
  },
  {
    command: "gptme",
    says: { name: "shell", args: { command: COPY } },
    args: () => [
      ...["--non-interactive", "--no-confirm", "--tool-format", "tool", "--tools", "shell"],
      ...["--model", `local/${MODEL}`, TASK],
    ],
    env: ({ url }) => ({ OPENAI_BASE_URL: `${url}/v1`, OPENAI_API_KEY: "none" }),
  },
];
