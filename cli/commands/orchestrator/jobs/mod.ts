import type { Group } from "../../../command.ts";
import { cancel } from "./cancel.ts";
import { list } from "./list.ts";
import { show } from "./show.ts";
import { submit } from "./submit.ts";
import { watch } from "./watch.ts";

/** `llorch orchestrator jobs` */
export const jobs: Group = {
  kind: "group",
  name: "jobs",
  summary: "Submit jobs, follow them and cancel them",
  members: [cancel, list, show, submit, watch],
};
