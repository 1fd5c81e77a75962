import { command, type Group } from "../../command.ts";
import { KEY_NAMES } from "../../config/defaults.ts";
import { flag, JSON_OPTION, QUIET_OPTION } from "../../options.ts";

/** `llorch config` */
export const config: Group = {
  kind: "group",
  name: "config",
  summary: "Read and change the settings of this command line",
  examples: [
    { line: "config list", summary: "The settings in effect, and where each comes from" },
    { line: "config set orchestrator.url http://gpu1:8080", summary: "Talk to another stack" },
  ],
  members: [
    command({
      name: "list",
      summary:
        "Show the settings in effect, and whether each is set by a variable, the file or a default",
      options: {
        json: JSON_OPTION,
        all: flag("-a, --all", "Also show keys that are not set, and what each means"),
      },
      examples: [
        { line: "config list", summary: "The settings in effect" },
        { line: "config list --all", summary: "Every key, with its meaning" },
      ],
      load: async () => (await import("./show.ts")).list,
    }),
    command({
      name: "get",
      summary: "Show the value of a key; exit code 1 when it has none",
      arguments: [{ name: "<key>", summary: "The key, e.g. pool.url", values: KEY_NAMES }],
      options: { json: JSON_OPTION },
      examples: [{
        line: "config get orchestrator.url",
        summary: "The address that commands use",
      }],
      load: async () => (await import("./show.ts")).get,
    }),
    command({
      name: "set",
      summary: "Set a key in the config file; comments are kept",
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
      summary: "Remove a key from the config file; comments are kept",
      arguments: [{ name: "<key>", summary: "The key, e.g. pool.url", values: KEY_NAMES }],
      options: { quiet: QUIET_OPTION },
      examples: [{ line: "config unset pool.url", summary: "Back to the default" }],
      load: async () => (await import("./edit.ts")).unset,
    }),
    command({
      name: "path",
      summary: "Show the path of the config file, even when there is no file yet",
      examples: [{ line: "config path", summary: "Only the path, for scripts" }],
      load: async () => (await import("./path.ts")).path,
    }),
    command({
      name: "validate",
      summary:
        "Check the config file and the LLORCH_* variables; exit code 2 when something is not valid",
      arguments: [{ name: "[file]", summary: "Another file to check", values: "files" }],
      options: { json: JSON_OPTION },
      examples: [
        { line: "config validate", summary: "Check the settings in effect" },
        { line: "config validate ./config.toml", summary: "Check a file before it is used" },
      ],
      load: async () => (await import("./validate.ts")).validate,
    }),
  ],
};
