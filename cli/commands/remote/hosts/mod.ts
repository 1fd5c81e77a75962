import type { Group } from "../../../command.ts";
import { add } from "./add.ts";
import { list } from "./list.ts";
import { remove } from "./remove.ts";

/** `llorch remote hosts` */
export const hosts: Group = {
  kind: "group",
  name: "hosts",
  summary: "The machines that --remote can name, kept in the config file",
  examples: [{ line: "remote hosts list", summary: "Which there are" }],
  members: [list, add, remove],
};
