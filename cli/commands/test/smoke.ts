import { type Command, JSON_OPTION } from "../../command.ts";

/** `llorch test smoke` */
export const smoke: Command = {
  kind: "command",
  name: "smoke",
  summary: "Ask a running stack for a few tokens, and check health, metrics and cancel",
  options: [
    { flags: "--url <url>", summary: "Where orchestratord answers; else as configured" },
    {
      flags: "--model <model>",
      summary: "Model to ask; else one that is loaded",
      values: "models",
    },
    JSON_OPTION,
  ],
  examples: [
    { line: "test smoke", summary: "The stack of this machine" },
    { line: "test smoke --url http://gpu1:8080", summary: "Another one" },
  ],
  load: () => import("./smoke_run.ts"),
};
