import { BACKENDS, BUILD_OPTIONS, WORKER_OPTIONS } from "../../build/options.ts";
import { type Command, command, type CommandFacts, type Group } from "../../command.ts";
import type { OptionSet } from "../../options.ts";

/** `llorch build worker|orchestrator|…` */
function target(
  name: string,
  summary: string,
  more: Pick<CommandFacts, "arguments" | "examples">,
  options: OptionSet = BUILD_OPTIONS,
): Command {
  return command({
    ...{ name, summary, options },
    ...more,
    load: async () => (await import("../../build/run_build.ts")).buildOf(name),
  });
}

/** `llorch build` */
export const build: Group = {
  kind: "group",
  name: "build",
  summary: "Build executables with the build task of the checkout",
  members: [
    target("worker", "Build llorch-candled for one backend", {
      arguments: [
        { name: "<backend>", summary: BACKENDS.join(", "), values: BACKENDS },
      ],
      examples: [
        { line: "build worker cpu", summary: "llorch-candled for the processor of this machine" },
        {
          line: "build worker cuda --out dist",
          summary: "llorch-candled for NVIDIA GPUs, into ./dist",
        },
        {
          line: "build worker cpu --libraries source",
          summary: "With llama.cpp built here, which needs CMake and a C++ compiler",
        },
      ],
    }, WORKER_OPTIONS),
    target("orchestrator", "Build orchestratord", {
      examples: [{ line: "build orchestrator", summary: "orchestratord for this machine" }],
    }),
    target("pool-manager", "Build pool-managerd", {
      examples: [{ line: "build pool-manager", summary: "pool-managerd for this machine" }],
    }),
    target("cli", "Build llorch", {
      examples: [{ line: "build cli", summary: "llorch for this machine" }],
    }),
    target("all", "Build every executable", {
      examples: [{ line: "build all", summary: "Every executable for this machine" }],
    }),
  ],
};
