import { BACKENDS, BUILD_OPTIONS } from "../../build/options.ts";
import { type Command, command, type CommandFacts, type Group } from "../../command.ts";

/** `llorch build worker|orchestrator|…` */
function target(
  name: string,
  summary: string,
  more: Pick<CommandFacts, "arguments" | "examples"> = {},
): Command {
  return command({
    name,
    summary,
    options: BUILD_OPTIONS,
    examples: [{ line: `build ${name}`, summary: "For this machine" }],
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
