import type { ProgramName } from "./packages.ts";

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
  readonly args: Readonly<Record<string, string>>;
}

/** How a program is run without a person, with one tool that it calls. */
export interface Program {
  readonly name: ProgramName;
  /**
   * What the model says first: a call of one of the program's tools, or a text that the program acts
   * on. The next answer ends the task.
   */
  readonly says: ToolCall | string;
  /** Files in its home, by their paths. */
  readonly files?: (setting: Setting) => Readonly<Record<string, string>>;
  readonly args: (setting: Setting) => readonly string[];
  readonly env?: (setting: Setting) => Readonly<Record<string, string>>;
}

/** What every program is asked; its word chooses what the model says first. */
const TASK = "Copy note.txt and say what it says ②";

/** Content of `note.txt`; its word chooses what the model says next. */
export const NOTE = "The note ③ says: all is well\n";

/** What the model says in the end. */
export const ANSWER = "The note says that all is well.";

/** Writes the copy, and shows the note to the model. */
const COPY = "tee copy.txt < note.txt";

/** Tokens of the model's context. A prompt has a token for each byte; those of Claude Code have most. */
export const CONTEXT = 200_000;

/** Name of the model that a program asks. */
export const modelOf = (name: ProgramName): string => `script-${name}`;

const json = (value: unknown) => JSON.stringify(value, null, 2);

/** Every program that is run. */
export const PROGRAMS: readonly Program[] = [
  {
    name: "codex",
    says: { name: "exec_command", args: { cmd: COPY } },
    files: ({ url }) => ({
      ".codex/config.toml": `model = "${modelOf("codex")}"
model_provider = "llorch"
[model_providers.llorch]
name = "llorch"
base_url = "${url}/v1"
wire_api = "responses"
`,
    }),
    args: () => [
      "exec",
      "--skip-git-repo-check",
      "--dangerously-bypass-approvals-and-sandbox",
      TASK,
    ],
  },
  {
    name: "claude",
    says: { name: "Bash", args: { command: COPY, description: "Copies the note" } },
    args: () => ["-p", TASK, "--allowedTools", "Bash"],
    env: ({ url }) => ({
      ANTHROPIC_BASE_URL: url,
      ANTHROPIC_API_KEY: "none",
      ANTHROPIC_MODEL: modelOf("claude"),
      ANTHROPIC_DEFAULT_HAIKU_MODEL: modelOf("claude"),
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
    }),
  },
  {
    name: "opencode",
    says: { name: "bash", args: { command: COPY, description: "Copies the note" } },
    files: ({ url }) => ({
      ".config/opencode/opencode.json": json({
        model: `llorch/${modelOf("opencode")}`,
        autoupdate: false,
        share: "disabled",
        provider: {
          llorch: {
            npm: "@ai-sdk/openai-compatible",
            name: "llorch",
            options: { baseURL: `${url}/v1` },
            models: { [modelOf("opencode")]: { limit: { context: CONTEXT, output: 4096 } } },
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
  },
  {
    name: "pi",
    says: { name: "bash", args: { command: COPY } },
    files: ({ url }) => ({
      ".pi/agent/models.json": json({
        providers: {
          llorch: {
            baseUrl: `${url}/v1`,
            api: "openai-completions",
            apiKey: "none",
            models: [{ id: modelOf("pi"), contextWindow: CONTEXT, maxTokens: 4096 }],
          },
        },
      }),
    }),
    args: () => ["--provider", "llorch", "--model", modelOf("pi"), "-p", TASK],
    env: () => ({ PI_OFFLINE: "1", PI_SKIP_VERSION_CHECK: "1" }),
  },
  {
    name: "qwen",
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
      OPENAI_MODEL: modelOf("qwen"),
    }),
  },
  {
    name: "cn",
    says: { name: "Bash", args: { command: COPY } },
    files: ({ url }) => ({
      ".continue/config.yaml": `name: llorch
version: 1.0.0
schema: v1
models:
  - name: llorch
    provider: openai
    model: ${modelOf("cn")}
    apiBase: ${url}/v1
    apiKey: none
    roles: [chat]
    capabilities: [tool_use]
`,
    }),
    args: ({ home }) => [
      ...["--config", `${home}/.continue/config.yaml`],
      ...["--auto", "-p", TASK],
    ],
    env: () => ({ CONTINUE_CLI_ENABLE_TELEMETRY: "0", CONTINUE_TELEMETRY_ENABLED: "0" }),
  },
  {
    name: "llm",
    says: { name: "copy_note", args: {} },
    files: ({ url, work }) => ({
      "llm/extra-openai-models.yaml": `- model_id: llorch
  model_name: ${modelOf("llm")}
  api_base: ${url}/v1
  supports_tools: true
`,
      "tools.py": `def copy_note() -> str:
    "Copies the note"
    text = open("${work}/note.txt").read()
    open("${work}/copy.txt", "w").write(text)
    return text
`,
    }),
    args: ({ home }) => ["-m", "llorch", "--key=none", "--functions", `${home}/tools.py`, TASK],
    env: ({ home }) => ({ LLM_USER_PATH: `${home}/llm` }),
  },
  {
    name: "aider",
    says: `copy.txt\n\`\`\`\n${NOTE}\`\`\`\n`,
    args: () => [
      ...["--model", `openai/${modelOf("aider")}`, "--edit-format", "whole", "--no-stream"],
      ...["--yes-always", "--no-git", "--no-check-update", "--no-show-model-warnings"],
      ...["--analytics-disable", "--no-show-release-notes", "--message", TASK, "copy.txt"],
    ],
    env: ({ url }) => ({
      OPENAI_API_BASE: `${url}/v1`,
      OPENAI_API_KEY: "none",
      LITELLM_LOCAL_MODEL_COST_MAP: "True",
    }),
  },
];
