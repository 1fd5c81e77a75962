import { command, type Group } from "../../../command.ts";
import { COMMON_OPTIONS, LIST_OPTIONS } from "./options.ts";

/** `llorch orchestrator batches` */
export const batches: Group = {
  kind: "group",
  name: "batches",
  summary: "See and cancel batches: files of requests that are answered when there is room",
  members: [
    command({
      name: "cancel",
      summary: "Cancel batches: what has ended by then is in their files",
      arguments: [{ name: "<batches...>", summary: "Ids of the batches" }],
      options: COMMON_OPTIONS,
      examples: [{ line: "orchestrator batches cancel BATCH", summary: "One of them" }],
      load: async () => (await import("./run.ts")).cancel,
    }),
    command({
      name: "list",
      summary: "List batches, newest first",
      options: LIST_OPTIONS,
      examples: [{ line: "orchestrator batches list -n 5", summary: "The newest five" }],
      load: async () => (await import("./run.ts")).list,
    }),
    command({
      name: "show",
      summary: "Show how far a batch is, and the ids of its files",
      arguments: [{ name: "<batch>", summary: "Id of the batch" }],
      options: COMMON_OPTIONS,
      examples: [{ line: "orchestrator batches show BATCH", summary: "Its times and files" }],
      load: async () => (await import("./run.ts")).show,
    }),
  ],
};
