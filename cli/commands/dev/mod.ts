import { command, type Group } from "../../command.ts";
import { JSON_OPTION, YES_OPTION } from "../../options.ts";

/** `llorch dev` */
export const dev: Group = {
  kind: "group",
  name: "dev",
  summary: "Check a machine, prepare a checkout, check its code and run its stack",
  members: [
    command({
      name: "doctor",
      summary: "Check that this machine can run llorch, and say how to fix what is wrong",
      options: { json: JSON_OPTION },
      examples: [{ line: "dev doctor", summary: "Check this machine" }],
      load: async () => (await import("./doctor.ts")).doctor,
    }),
    command({
      name: "setup",
      summary: "Prepare a checkout for development; what is already there stays as it is",
      options: { yes: YES_OPTION, json: JSON_OPTION },
      examples: [
        { line: "dev setup", summary: "Ask before each download" },
        { line: "dev setup --yes", summary: "Without asking" },
      ],
      load: async () => (await import("./setup.ts")).setup,
    }),
    command({
      name: "check",
      summary: "Check the code of the checkout: format, lint, types and its own checks",
      examples: [{ line: "dev check", summary: "Before every commit" }],
      load: async () => (await import("./checkout.ts")).check,
    }),
    command({
      name: "up",
      summary: "Run the whole stack of the checkout on this machine until Ctrl-C",
      arguments: [{ name: "[args...]", summary: "Options of the stack, after --" }],
      examples: [
        { line: "dev up", summary: "With the demo model, on the default ports" },
        { line: "dev up -- --port=0 --model=tinyllama", summary: "Another model, any free port" },
        { line: "dev up -- --help", summary: "Every option of the stack" },
      ],
      load: async () => (await import("./checkout.ts")).up,
    }),
  ],
};
