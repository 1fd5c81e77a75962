import type { Group } from "../../command.ts";
import { doctor } from "./doctor.ts";

/** `llorch dev` */
export const dev: Group = {
  kind: "group",
  name: "dev",
  summary: "Help for those who work on or with this machine",
  members: [doctor],
};
