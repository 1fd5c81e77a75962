import { command, type Group } from "../../command.ts";
import { flag, JSON_OPTION, QUIET_OPTION } from "../../options.ts";

/** `llorch git submodules` */
const submodules: Group = {
  kind: "group",
  name: "submodules",
  summary: "Show, update and reset the submodules of a checkout",
  members: [
    command({
      name: "list",
      summary: "Show the submodules, their addresses and the commits recorded for them",
      options: { json: JSON_OPTION },
      examples: [{ line: "git submodules list", summary: "All of them" }],
      load: async () => (await import("./submodules.ts")).list,
    }),
    command({
      name: "status",
      summary:
        "Show the state of each submodule: behind, ahead, detached, dirty, missing, conflicting",
      options: { json: JSON_OPTION },
      examples: [{ line: "git submodules status", summary: "The state of all of them" }],
      load: async () => (await import("./submodules.ts")).status,
    }),
    command({
      name: "update",
      summary: "Move submodules to their recorded commits; those with local work are left alone",
      arguments: [{ name: "[paths...]", summary: "Only these", values: "files" }],
      options: { json: JSON_OPTION, quiet: QUIET_OPTION },
      examples: [{
        line: "git submodules update",
        summary: "All that can be moved without losing work",
      }],
      load: async () => (await import("./submodules.ts")).update,
    }),
    command({
      name: "branch",
      summary: "Switch submodules to a branch, which is created where it does not exist",
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
      summary: "Move submodules to their recorded commits and clean them",
      arguments: [{ name: "[paths...]", summary: "Only these", values: "files" }],
      options: {
        force: flag("--force", "Throw away their local changes and commits, and name each"),
        json: JSON_OPTION,
        quiet: QUIET_OPTION,
      },
      examples: [{
        line: "git submodules reset --force vendor/lib",
        summary: "Throw away all work in one of them",
      }],
      load: async () => (await import("./submodules.ts")).reset,
    }),
  ],
};

/** `llorch git` */
export const git: Group = {
  kind: "group",
  name: "git",
  summary: "Update a checkout and its submodules without losing work",
  members: [
    command({
      name: "status",
      summary: "Show the branch, the local changes and every submodule",
      options: { json: JSON_OPTION },
      examples: [
        { line: "git status", summary: "The state of this checkout" },
        { line: "git status --json", summary: "The same for programs" },
      ],
      load: async () => (await import("./checkout.ts")).status,
    }),
    command({
      name: "pull",
      summary: "Fast-forward the branch to its upstream, and update the submodules",
      options: { json: JSON_OPTION, quiet: QUIET_OPTION },
      examples: [{
        line: "git pull",
        summary: "Fast-forward only; refuses when there are changes",
      }],
      load: async () => (await import("./checkout.ts")).pull,
    }),
    command({
      name: "sync",
      summary:
        "Update the checkout to its upstream; local changes are kept unless --force is given",
      options: {
        force: flag(
          "--force",
          "Throw away local changes, untracked files and commits, and name each",
        ),
        json: JSON_OPTION,
        quiet: QUIET_OPTION,
      },
      examples: [
        {
          line: "git sync",
          summary: "Fetch, fast-forward, move submodules to their recorded commits",
        },
        { line: "git sync --force", summary: "The same, and throw away what is in the way" },
      ],
      load: async () => (await import("./checkout.ts")).sync,
    }),
    command({
      name: "clone",
      summary: "Clone a repository with its submodules",
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
