import { type Command, JSON_OPTION, QUIET_OPTION } from "../../command.ts";

/** `llorch models add` */
export const add: Command = {
  kind: "command",
  name: "add",
  summary: "Make a model known that lies elsewhere, as a link where that is possible, else a copy",
  arguments: [{
    name: "<reference>",
    summary: "file:/path.gguf or a path; or hf:org/repo[@rev]::file=path in the hub's own cache",
    values: "files",
  }],
  options: [
    { flags: "--name <name>", summary: "What to call it; else its file's name" },
    QUIET_OPTION,
    JSON_OPTION,
  ],
  examples: [
    { line: "models add file:/srv/my-model.gguf --name mine", summary: "A file of your own" },
    {
      line: "models add hf:Qwen/Qwen3-8B-GGUF::file=Qwen3-8B-Q4_K_M.gguf",
      summary: "What the hub's own tool has fetched already (HF_HOME)",
    },
  ],
  load: () => import("./add_run.ts"),
};
