import type { Group } from "../../command.ts";
import { check } from "./check.ts";
import { doctor } from "./doctor.ts";
import { setup } from "./setup.ts";
import { up } from "./up.ts";

/** `llorch dev` */
export const dev: Group = {
  kind: "group",
  name: "dev",
  summary: "Help for those who work on or with this machine",
  members: [doctor, setup, check, up],
};
