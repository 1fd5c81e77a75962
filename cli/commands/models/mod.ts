import { command, type Group } from "../../command.ts";
import { count, flag, JSON_OPTION, QUIET_OPTION, text, YES_OPTION } from "../../options.ts";

/** `llorch models` */
export const models: Group = {
  kind: "group",
  name: "models",
  summary: "Find, download, check and remove models",
  examples: [
    { line: "models catalog", summary: "Well-known models" },
    { line: "models download tinyllama", summary: "Fetch one of them" },
    { line: "models list", summary: "The models on this machine" },
  ],
  members: [
    command({
      name: "catalog",
      summary: "Show well-known models that can be downloaded by a short name",
      options: { json: JSON_OPTION },
      examples: [{
        line: "models catalog",
        summary: "Smallest first, with the memory that each needs",
      }],
      load: async () => (await import("./catalog.ts")).catalog,
    }),
    command({
      name: "list",
      summary: "Show the models on this machine",
      options: { json: JSON_OPTION },
      examples: [
        { line: "models list", summary: "Names, sizes, and the memory that each needs" },
        { line: "models list --json", summary: "The same for a script" },
      ],
      load: async () => (await import("./installed.ts")).list,
    }),
    command({
      name: "info",
      summary: "Show details of a model, and the memory that it needs",
      arguments: [{
        name: "<model>",
        summary: "A name, a catalog id, hf:org/repo[@rev][::file=path] or file:/path.gguf",
        values: "models",
      }],
      options: {
        context: count("--context <tokens>", "Tokens per slot, to estimate memory for"),
        slots: count("--slots <count>", "Requests at the same time, to estimate memory for"),
        json: JSON_OPTION,
      },
      examples: [
        { line: "models info demo", summary: "The model that comes with llorch" },
        {
          line: "models info tinyllama --context 2048 --slots 8",
          summary: "The memory for eight slots",
        },
      ],
      load: async () => (await import("./installed.ts")).info,
    }),
    command({
      name: "download",
      summary: "Download a model from the hub and verify it; an interrupted download is continued",
      arguments: [{
        name: "<model>",
        summary: "A catalog id, or hf:org/repo[@rev][::file=path]",
        values: "catalog",
      }],
      options: {
        dir: text(
          "-d, --dir <folder>",
          "Folder to download to (default: models.dir of llorch config)",
          { values: "files" },
        ),
        force: flag("-f, --force", "Download it again even if it is already there"),
        quiet: QUIET_OPTION,
        json: JSON_OPTION,
      },
      examples: [
        { line: "models download tinyllama", summary: "A model from the catalog" },
        {
          line: "models download hf:Qwen/Qwen3-8B-GGUF::file=Qwen3-8B-Q4_K_M.gguf",
          summary: "Any GGUF file of the hub (set HF_TOKEN where a token is required)",
        },
      ],
      load: async () => (await import("./change.ts")).download,
    }),
    command({
      name: "verify",
      summary: "Compare models with their hashes; exit code 1 when one differs",
      arguments: [{ name: "[model]", summary: "A name or a reference", values: "models" }],
      options: {
        all: flag("-a, --all", "Every model on this machine"),
        quiet: QUIET_OPTION,
        json: JSON_OPTION,
      },
      examples: [
        { line: "models verify tinyllama", summary: "One model" },
        { line: "models verify --all --json", summary: "All of them, for a script" },
      ],
      load: async () => (await import("./verify.ts")).verify,
    }),
    command({
      name: "delete",
      summary: "Delete a model from this machine, and what interrupted downloads of it left",
      arguments: [{ name: "<model>", summary: "A name or a reference", values: "models" }],
      options: { yes: YES_OPTION, quiet: QUIET_OPTION },
      examples: [{ line: "models delete tinyllama --yes", summary: "Without asking" }],
      load: async () => (await import("./change.ts")).deleteModel,
    }),
    command({
      name: "add",
      summary:
        "Add a model file from elsewhere, as a hard link where possible, otherwise as a copy",
      arguments: [{
        name: "<reference>",
        summary:
          "file:/path.gguf or a path; or hf:org/repo[@rev]::file=path in the hub's own cache",
        values: "files",
      }],
      options: {
        name: text("--name <name>", "Name of the model (default: the name of its file)"),
        quiet: QUIET_OPTION,
        json: JSON_OPTION,
      },
      examples: [
        { line: "models add file:/srv/my-model.gguf --name mine", summary: "A file of your own" },
        {
          line: "models add hf:Qwen/Qwen3-8B-GGUF::file=Qwen3-8B-Q4_K_M.gguf",
          summary: "A file that the hub's own tool has downloaded (HF_HOME)",
        },
      ],
      load: async () => (await import("./change.ts")).add,
    }),
  ],
};
