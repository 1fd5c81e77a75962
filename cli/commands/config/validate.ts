import { type Command, JSON_OPTION } from "../../command.ts";

/** `llorch config validate` */
export const validate: Command = {
  kind: "command",
  name: "validate",
  summary: "Check the config file and the LLORCH_* variables; exit code 2 when they are wrong",
  arguments: [{ name: "[file]", summary: "Another file to check", values: "files" }],
  options: [JSON_OPTION],
  examples: [
    { line: "config validate", summary: "Check what applies" },
    { line: "config validate ./config.toml", summary: "Check a file before it is used" },
  ],
  load: () => import("./validate_run.ts"),
};
