import { command, type Group } from "../../../command.ts";
import { COMMON_OPTIONS, LIST_OPTIONS } from "./options.ts";

/** `llorch orchestrator responses` */
export const responses: Group = {
  kind: "group",
  name: "responses",
  summary: "See, cancel and delete stored responses of /v1/responses",
  members: [
    command({
      name: "cancel",
      summary: "Cancel responses that are being made; those that have ended stay as they are",
      arguments: [{ name: "<responses...>", summary: "Ids of the responses" }],
      options: COMMON_OPTIONS,
      examples: [{ line: "orchestrator responses cancel RESPONSE", summary: "One of them" }],
      load: async () => (await import("./run.ts")).cancel,
    }),
    command({
      name: "delete",
      summary: "Erase stored responses; one that is being made is cancelled",
      arguments: [{ name: "<responses...>", summary: "Ids of the responses" }],
      options: COMMON_OPTIONS,
      examples: [{ line: "orchestrator responses delete RESPONSE", summary: "One of them" }],
      load: async () => (await import("./run.ts")).remove,
    }),
    command({
      name: "list",
      summary: "List stored responses, newest first",
      options: LIST_OPTIONS,
      examples: [{ line: "orchestrator responses list -n 5", summary: "The newest five" }],
      load: async () => (await import("./run.ts")).list,
    }),
    command({
      name: "show",
      summary: "Show a stored response and its text; that counts as a use",
      arguments: [{ name: "<response>", summary: "Id of the response" }],
      options: COMMON_OPTIONS,
      examples: [{ line: "orchestrator responses show RESPONSE", summary: "Its state and text" }],
      load: async () => (await import("./run.ts")).show,
    }),
  ],
};
