import type { Group } from "../../command.ts";
import { clone } from "./clone.ts";
import { pull } from "./pull.ts";
import { status } from "./status.ts";
import { submodules } from "./submodules/mod.ts";
import { sync } from "./sync.ts";

/** `llorch git` */
export const git: Group = {
  kind: "group",
  name: "git",
  summary: "A checkout and its submodules, without surprises",
  members: [status, pull, sync, clone, submodules],
};
