import { type Command, JSON_OPTION, QUIET_OPTION } from "../../command.ts";

/** `llorch models download` */
export const download: Command = {
  kind: "command",
  name: "download",
  summary: "Fetch a model from the hub and check it; what was interrupted goes on",
  arguments: [{
    name: "<model>",
    summary: "A catalog id, or hf:org/repo[@rev][::file=path]",
    values: "catalog",
  }],
  options: [
    { flags: "-d, --dir <folder>", summary: "Another models folder", values: "files" },
    { flags: "-f, --force", summary: "Fetch it again although it is there" },
    QUIET_OPTION,
    JSON_OPTION,
  ],
  examples: [
    { line: "models download tinyllama", summary: "A model of the catalog" },
    {
      line: "models download hf:Qwen/Qwen3-8B-GGUF::file=Qwen3-8B-Q4_K_M.gguf",
      summary: "Any GGUF file of the hub (HF_TOKEN for those that want one)",
    },
  ],
  load: () => import("./download_run.ts"),
};
