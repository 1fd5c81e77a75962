import { command, type Group } from "../../command.ts";
import { KEY_NAMES } from "../../config/defaults.ts";
import { flag, JSON_OPTION, QUIET_OPTION } from "../../options.ts";

/** `llorch config` */
export const config: Group = {
  kind: "group",
  name: "config",
  summary: "Read and change the settings of this command line",
  examples: [
    { line: "config list", summary: "What applies, and where it comes from" },
    { line: "config set orchestrator.url http://gpu1:8080", summary: "Talk to another stack" },
  ],
  members: [
    command({
      name: "list",
      summary: "Show what applies, and whether a variable, the file or a default says so",
      options: {
        json: JSON_OPTION,
        all: flag("-a, --all", "Keys that are not set, too, and what they mean"),
      },
      examples: [
        { line: "config list", summary: "What applies" },
        { line: "config list --all", summary: "Every key there is" },
      ],
      load: async () => (await import("./show.ts")).list,
    }),
    command({
      name: "get",
      summary: "Show what one key means now; exit code 1 when it has no value",
      arguments: [{ name: "<key>", summary: "The key, e.g. pool.url", values: KEY_NAMES }],
      options: { json: JSON_OPTION },
      examples: [{
        line: "config get orchestrator.url",
        summary: "Where commands look for the stack",
      }],
      load: async () => (await import("./show.ts")).get,
    }),
    command({
      name: "set",
      summary: "Set a key in the config file; its comments stay",
      arguments: [
        { name: "<key>", summary: "The key, e.g. pool.url", values: KEY_NAMES },
        { name: "<value>", summary: 'The value; a list is a,b or ["a", "b"]' },
      ],
      options: { quiet: QUIET_OPTION },
      examples: [
        { line: "config set models.dir /big/models", summary: "Download models elsewhere" },
        { line: "config set hosts.gpu1.port 2222", summary: "Another port for a host" },
      ],
      load: async () => (await import("./edit.ts")).set,
    }),
    command({
      name: "unset",
      summary: "Take a key out of the config file; its comments stay",
      arguments: [{ name: "<key>", summary: "The key, e.g. pool.url", values: KEY_NAMES }],
      options: { quiet: QUIET_OPTION },
      examples: [{ line: "config unset pool.url", summary: "Back to the default" }],
      load: async () => (await import("./edit.ts")).unset,
    }),
    command({
      name: "path",
      summary: "Show where the config file is, or would be",
      examples: [{ line: "config path", summary: "Its path alone, for scripts" }],
      load: async () => (await import("./path.ts")).path,
    }),
    command({
      name: "validate",
      summary: "Check the config file and the LLORCH_* variables; exit code 2 when they are wrong",
      arguments: [{ name: "[file]", summary: "Another file to check", values: "files" }],
      options: { json: JSON_OPTION },
      examples: [
        { line: "config validate", summary: "Check what applies" },
        { line: "config validate ./config.toml", summary: "Check a file before it is used" },
      ],
      load: async () => (await import("./validate.ts")).validate,
    }),
  ],
};
