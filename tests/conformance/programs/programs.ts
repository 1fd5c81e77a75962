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

/** How a program is run without a person, with one tool that it calls. */
export interface Program {
  readonly name: ProgramName;
  /** The call that the model makes of one of the program's tools. */
  readonly call: (work: string) => { readonly name: string; readonly args: Record<string, string> };
  /** Files in its home, by their paths. */
  readonly files?: (setting: Setting) => Readonly<Record<string, string>>;
  readonly args: (setting: Setting) => string[];
  readonly env?: (setting: Setting) => Record<string, string>;
}

/** What every program is asked; its word chooses what the model says first. */
export const TASK = "Copy note.txt and say what it says ②";

/** Name of the model that a program asks. */
export const modelOf = ({ name }: Pick<Program, "name">): string => `script-${name}`;

const shell = "tee copy.txt < note.txt";

/** Every program that is run. */
export const PROGRAMS: readonly Program[] = [
  {
    name: "codex",
    call: () => ({ name: "exec_command", args: { cmd: shell } }),
    files: ({ url }) => ({
      ".codex/config.toml": `model = "script-codex"
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
    call: () => ({ name: "Bash", args: { command: shell, description: "Copies the note" } }),
    args: () => ["-p", TASK, "--allowedTools", "Bash"],
    env: ({ url }) => ({
      ANTHROPIC_BASE_URL: url,
      ANTHROPIC_API_KEY: "none",
      ANTHROPIC_MODEL: "script-claude",
      ANTHROPIC_DEFAULT_HAIKU_MODEL: "script-claude",
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
    }),
  },
];
