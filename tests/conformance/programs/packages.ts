import { join } from "node:path";
import { cacheFolder } from "../../support/llama_source.ts";

/** A program that people use with servers of models, as its registry has it. */
export interface Package {
  readonly registry: "npm" | "PyPI";
  readonly name: string;
  readonly version: string;
  /** Packages that it loads, each with its version. */
  readonly plugins?: readonly string[];
  /** Its executable. */
  readonly command: string;
}

/** Every program, by the name of its command. */
export const PACKAGES = {
  codex: { registry: "npm", name: "@openai/codex", version: "0.171.0", command: "codex" },
  claude: {
    registry: "npm",
    name: "@anthropic-ai/claude-code",
    version: "2.1.332",
    command: "claude",
  },
  opencode: { registry: "npm", name: "opencode-ai", version: "1.18.33", command: "opencode" },
  pi: {
    registry: "npm",
    name: "@mariozechner/pi-coding-agent",
    version: "0.73.1",
    command: "pi",
  },
  qwen: { registry: "npm", name: "@qwen-code/qwen-code", version: "0.24.4", command: "qwen" },
  cn: { registry: "npm", name: "@continuedev/cli", version: "1.5.47", command: "cn" },
  cline: { registry: "npm", name: "cline", version: "3.0.65", command: "cline" },
  copilot: { registry: "npm", name: "@github/copilot", version: "1.0.102", command: "copilot" },
  llm: {
    registry: "PyPI",
    name: "llm",
    version: "0.36",
    plugins: ["llm-ollama==0.19.1", "llm-anthropic==0.30"],
    command: "llm",
  },
  sgpt: {
    registry: "PyPI",
    name: "shell-gpt",
    version: "1.5.1",
    // It imports it, and does not list it.
    plugins: ["click==8.3.1"],
    command: "sgpt",
  },
  aider: { registry: "PyPI", name: "aider-chat", version: "0.86.2", command: "aider" },
  gptme: { registry: "PyPI", name: "gptme", version: "0.35.1", command: "gptme" },
} as const satisfies Record<string, Package>;

/** Name of a package's command. */
export type Command = keyof typeof PACKAGES;

/** The folder that a package is installed into: in the user's folder for what can be fetched again. */
export function folderOf({ name, version }: Package): string {
  return join(cacheFolder(), "llorch-programs", `${name.replace(/.*\//, "")}-${version}`);
}

/** The path of an installed package's executable. */
export function commandOf(program: Package): string {
  const folder = program.registry === "npm" ? "node_modules/.bin" : "bin";
  return join(folderOf(program), folder, program.command);
}
