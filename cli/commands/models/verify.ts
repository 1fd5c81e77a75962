import { type Command, JSON_OPTION, QUIET_OPTION } from "../../command.ts";

/** `llorch models verify` */
export const verify: Command = {
  kind: "command",
  name: "verify",
  summary: "Read models whole and compare them with their hash; exit code 1 when one differs",
  arguments: [{ name: "[model]", summary: "A name or a reference", values: "models" }],
  options: [
    { flags: "-a, --all", summary: "Every model on this machine" },
    QUIET_OPTION,
    JSON_OPTION,
  ],
  examples: [
    { line: "models verify tinyllama", summary: "One model" },
    { line: "models verify --all --json", summary: "All of them, for a script" },
  ],
  load: () => import("./verify_run.ts"),
};
