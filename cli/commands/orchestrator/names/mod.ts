import { command, type Group } from "../../../command.ts";
import { ORCHESTRATORD, urlOption } from "../../../daemons/kind.ts";
import { JSON_OPTION } from "../../../options.ts";

/** `llorch orchestrator names` */
export const names: Group = {
  kind: "group",
  name: "names",
  summary: "Show the names that stand for models",
  members: [
    command({
      name: "list",
      summary: "List configured names, what they stand for, and which model answers now",
      options: { url: urlOption(ORCHESTRATORD), json: JSON_OPTION },
      examples: [
        { line: "orchestrator names list", summary: "Those of [names.NAME] of orchestratord" },
      ],
      load: async () => (await import("./run.ts")).list,
    }),
  ],
};
