import { command, type Group } from "../../command.ts";
import { count, flag, JSON_OPTION, QUIET_OPTION, text, YES_OPTION } from "../../options.ts";

/** `llorch models` */
export const models: Group = {
  kind: "group",
  name: "models",
  summary: "Find, download, check and remove models",
  examples: [
    { line: "models catalog", summary: "Well-known models by a short name" },
    { line: "models download tinyllama", summary: "Fetch one of them" },
    { line: "models list", summary: "What is on this machine" },
  ],
  members: [
    command({
      name: "catalog",
      summary: "Show well-known models that download by a short name",
      options: { json: JSON_OPTION },
      examples: [{ line: "models catalog", summary: "Smallest first, with the memory each takes" }],
      load: async () => (await import("./catalog.ts")).catalog,
    }),
    command({
      name: "list",
      summary: "Show the models on this machine",
      options: { json: JSON_OPTION },
      examples: [
        { line: "models list", summary: "Names, sizes, and the memory that each takes" },
        { line: "models list --json", summary: "The same for a script" },
      ],
      load: async () => (await import("./installed.ts")).list,
    }),
    command({
      name: "info",
      summary: "Show what a model is, and the memory that it would take",
      arguments: [{
        name: "<model>",
        summary: "A name, a catalog id, hf:org/repo[@rev][::file=path] or file:/path.gguf",
        values: "models",
      }],
      options: {
        context: count("--context <tokens>", "Tokens per slot, for the memory"),
        slots: count("--slots <count>", "Requests at the same time, for the memory"),
        json: JSON_OPTION,
      },
      examples: [
        { line: "models info demo", summary: "The model that ships" },
        { line: "models info tinyllama --context 2048 --slots 8", summary: "Would eight fit?" },
      ],
      load: async () => (await import("./installed.ts")).info,
    }),
    command({
      name: "download",
      summary: "Fetch a model from the hub and check it; what was interrupted goes on",
      arguments: [{
        name: "<model>",
        summary: "A catalog id, or hf:org/repo[@rev][::file=path]",
        values: "catalog",
      }],
      options: {
        dir: text("-d, --dir <folder>", "Another models folder", { values: "files" }),
        force: flag("-f, --force", "Fetch it again although it is there"),
        quiet: QUIET_OPTION,
        json: JSON_OPTION,
      },
      examples: [
        { line: "models download tinyllama", summary: "A model of the catalog" },
        {
          line: "models download hf:Qwen/Qwen3-8B-GGUF::file=Qwen3-8B-Q4_K_M.gguf",
          summary: "Any GGUF file of the hub (HF_TOKEN for those that want one)",
        },
      ],
      load: async () => (await import("./change.ts")).download,
    }),
    command({
      name: "verify",
      summary: "Read models whole and compare them with their hash; exit code 1 when one differs",
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
      summary: "Remove a model from this machine, with what an interrupted download left of it",
      arguments: [{ name: "<model>", summary: "A name or a reference", values: "models" }],
      options: { yes: YES_OPTION, quiet: QUIET_OPTION },
      examples: [{ line: "models delete tinyllama --yes", summary: "Without a question" }],
      load: async () => (await import("./change.ts")).deleteModel,
    }),
    command({
      name: "add",
      summary:
        "Make a model known that lies elsewhere, as a link where that is possible, else a copy",
      arguments: [{
        name: "<reference>",
        summary:
          "file:/path.gguf or a path; or hf:org/repo[@rev]::file=path in the hub's own cache",
        values: "files",
      }],
      options: {
        name: text("--name <name>", "What to call it; else its file's name"),
        quiet: QUIET_OPTION,
        json: JSON_OPTION,
      },
      examples: [
        { line: "models add file:/srv/my-model.gguf --name mine", summary: "A file of your own" },
        {
          line: "models add hf:Qwen/Qwen3-8B-GGUF::file=Qwen3-8B-Q4_K_M.gguf",
          summary: "What the hub's own tool has fetched already (HF_HOME)",
        },
      ],
      load: async () => (await import("./change.ts")).add,
    }),
  ],
};
