import { command, type Group } from "../../command.ts";
import { flag, JSON_OPTION, QUIET_OPTION } from "../../options.ts";

/** `llorch git submodules` */
const submodules: Group = {
  kind: "group",
  name: "submodules",
  summary: "Repositories inside of this one",
  members: [
    command({
      name: "list",
      summary: "Show the submodules, their addresses and the commits recorded for them",
      options: { json: JSON_OPTION },
      examples: [{ line: "git submodules list", summary: "Name them" }],
      load: async () => (await import("./submodules.ts")).list,
    }),
    command({
      name: "status",
      summary:
        "Show how each submodule stands: behind, ahead, detached, dirty, missing, conflicting",
      options: { json: JSON_OPTION },
      examples: [{ line: "git submodules status", summary: "Look at all of them" }],
      load: async () => (await import("./submodules.ts")).status,
    }),
    command({
      name: "update",
      summary: "Bring submodules to their recorded commits; those with work in them are left alone",
      arguments: [{ name: "[paths...]", summary: "Only these", values: "files" }],
      options: { json: JSON_OPTION, quiet: QUIET_OPTION },
      examples: [{ line: "git submodules update", summary: "All that can be moved without loss" }],
      load: async () => (await import("./submodules.ts")).update,
    }),
    command({
      name: "branch",
      summary: "Put submodules on a branch, making it where it is new",
      arguments: [
        { name: "<branch>", summary: "Name of the branch" },
        { name: "[paths...]", summary: "Only these", values: "files" },
      ],
      options: { json: JSON_OPTION, quiet: QUIET_OPTION },
      examples: [{
        line: "git submodules branch fix-tokenizer vendor/lib",
        summary: "Work in one of them",
      }],
      load: async () => (await import("./submodules.ts")).branch,
    }),
    command({
      name: "reset",
      summary: "Bring submodules to their recorded commits and clean them",
      arguments: [{ name: "[paths...]", summary: "Only these", values: "files" }],
      options: {
        force: flag("--force", "Throw away the changes and commits in them, naming each"),
        json: JSON_OPTION,
        quiet: QUIET_OPTION,
      },
      examples: [{
        line: "git submodules reset --force vendor/lib",
        summary: "Start one of them afresh",
      }],
      load: async () => (await import("./submodules.ts")).reset,
    }),
  ],
};

/** `llorch git` */
export const git: Group = {
  kind: "group",
  name: "git",
  summary: "A checkout and its submodules, without surprises",
  members: [
    command({
      name: "status",
      summary: "Show the branch, the local changes and every submodule",
      options: { json: JSON_OPTION },
      examples: [
        { line: "git status", summary: "Look at this checkout" },
        { line: "git status --json", summary: "The same for programs" },
      ],
      load: async () => (await import("./checkout.ts")).status,
    }),
    command({
      name: "pull",
      summary: "Move the branch forward to its upstream, and the submodules with it",
      options: { json: JSON_OPTION, quiet: QUIET_OPTION },
      examples: [{
        line: "git pull",
        summary: "Fast-forward only; refuses when there are changes",
      }],
      load: async () => (await import("./checkout.ts")).pull,
    }),
    command({
      name: "sync",
      summary: "Make the checkout what its upstream says, keeping local changes unless --force",
      options: {
        force: flag(
          "--force",
          "Throw away local changes, untracked files and commits, naming each",
        ),
        json: JSON_OPTION,
        quiet: QUIET_OPTION,
      },
      examples: [
        { line: "git sync", summary: "Fetch, fast-forward, submodules to the recorded commits" },
        { line: "git sync --force", summary: "The same, and drop whatever is in the way" },
      ],
      load: async () => (await import("./checkout.ts")).sync,
    }),
    command({
      name: "clone",
      summary: "Copy a repository with its submodules to this machine",
      arguments: [
        { name: "<url>", summary: "Address of the repository" },
        {
          name: "[dir]",
          summary: "New folder, by default named like the repository",
          values: "files",
        },
      ],
      options: { json: JSON_OPTION, quiet: QUIET_OPTION },
      examples: [
        { line: "git clone https://example.org/llorch.git", summary: "Into ./llorch" },
        { line: "git clone git@example.org:llorch.git work", summary: "Into ./work, over SSH" },
      ],
      load: async () => (await import("./checkout.ts")).clone,
    }),
    submodules,
  ],
};
