import type { Command } from "../../command.ts";

/** `llorch remote exec` */
export const exec: Command = {
  kind: "command",
  name: "exec",
  summary: "Run a program on another machine; its output, its exit code",
  arguments: [
    { name: "<host>", summary: "A host of the config file, or what ssh knows", values: "hosts" },
    { name: "<command...>", summary: "The program and its words, behind --" },
  ],
  options: [],
  examples: [
    { line: "remote exec gpu1 -- nvidia-smi", summary: "Look at its GPUs" },
    { line: "remote exec gpu1 -- sh -c 'df -h | head -2'", summary: "A line for its shell" },
  ],
  load: () => import("./exec_run.ts"),
};
