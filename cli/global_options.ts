import type { Option } from "./options.ts";

/** The option of every command that `run` handles before commander parses the command line. */
export const REMOTE_OPTION: Option = {
  flags: "--remote <host>",
  summary: "Run this on another machine, over ssh",
  values: "hosts",
};

/** The option of every command and group. */
export const HELP_OPTION: Option = { flags: "-h, --help", summary: "Show this help" };

/** The option of the program itself. */
export const VERSION_OPTION: Option = {
  flags: "-V, --version",
  summary: "Show version, commit and day",
};
