import type { Option } from "../../../command.ts";

/** The option of commands that stream a job. */
export const RAW_OPTION: Option = {
  flags: "--raw",
  summary: "Every event as it comes, a line of JSON each",
};
