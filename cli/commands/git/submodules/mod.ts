import type { Group } from "../../../command.ts";
import { branch } from "./branch.ts";
import { list } from "./list.ts";
import { reset } from "./reset.ts";
import { status } from "./status.ts";
import { update } from "./update.ts";

/** `llorch git submodules` */
export const submodules: Group = {
  kind: "group",
  name: "submodules",
  summary: "Repositories inside of this one",
  members: [list, status, update, branch, reset],
};
