import type { Command } from "../../command.ts";

/** `llorch dev up` */
export const up: Command = {
  kind: "command",
  name: "up",
  summary: "Run the whole stack of the checkout on this machine until Ctrl-C",
  arguments: [{ name: "[args...]", summary: "Options of the stack, after --" }],
  options: [],
  examples: [
    { line: "dev up", summary: "With the demo model, on the default ports" },
    { line: "dev up -- --port=0 --model=tinyllama", summary: "Another model, any free port" },
    { line: "dev up -- --help", summary: "Every option of the stack" },
  ],
  load: () => import("./up_run.ts"),
};
