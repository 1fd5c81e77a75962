import type { Command, Group } from "../../command.ts";
import { BACKENDS } from "../../build/arguments.ts";
import { BUILD_OPTIONS } from "../../build/options.ts";

/** `llorch build worker|orchestrator|…` */
function target(name: string, summary: string, extra: Partial<Command> = {}): Command {
  return {
    kind: "command",
    name,
    summary,
    options: BUILD_OPTIONS,
    examples: [{ line: `build ${name}`, summary: "For this machine" }],
    ...extra,
    async load() {
      const { buildOf } = await import("../../build/run_build.ts");
      return buildOf(name);
    },
  };
}

/** `llorch build` */
export const build: Group = {
  kind: "group",
  name: "build",
  summary: "Make executables with the build task of the checkout",
  members: [
    target("worker", "Build llorch-candled for one backend", {
      arguments: [
        { name: "<backend>", summary: BACKENDS.join(", "), values: BACKENDS },
      ],
      examples: [
        { line: "build worker cpu", summary: "For this machine's processor" },
        { line: "build worker cuda --out dist", summary: "For NVIDIA GPUs, into ./dist" },
      ],
    }),
    target("orchestrator", "Build orchestratord"),
    target("pool-manager", "Build pool-managerd"),
    target("cli", "Build llorch"),
    target("all", "Build every executable"),
  ],
};
