import type { Command } from "../../command.ts";

/** `llorch dev check` */
export const check: Command = {
  kind: "command",
  name: "check",
  summary: "Run the checkout's gate: format, lint, types and its own checks",
  options: [],
  examples: [{ line: "dev check", summary: "Before every commit" }],
  load: () => import("./check_run.ts"),
};
