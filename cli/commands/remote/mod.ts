import type { Group } from "../../command.ts";
import { exec } from "./exec.ts";
import { hosts } from "./hosts/mod.ts";

/** `llorch remote` */
export const remote: Group = {
  kind: "group",
  name: "remote",
  summary: "Run commands on other machines over ssh, and name these machines",
  examples: [
    { line: "remote hosts add gpu1 10.0.0.4", summary: "Give a machine a name" },
    { line: "models list --remote gpu1", summary: "Any llorch command, there" },
    { line: "remote exec gpu1 -- nvidia-smi", summary: "Any other program, there" },
  ],
  members: [exec, hosts],
};
