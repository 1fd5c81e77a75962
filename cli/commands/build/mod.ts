import {
  BACKENDS,
  BUILD_OPTIONS,
  IMAGE_OPTIONS,
  IMAGES,
  WORKER_OPTIONS,
} from "../../build/options.ts";
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
  summary: "Build executables and images with the tasks of the checkout",
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
    command({
      name: "image",
      summary: "Write an image of containers as an OCI layout, without a daemon",
      options: IMAGE_OPTIONS,
      arguments: [{
        name: "<image>",
        summary: `${IMAGES.join(", ")} or all`,
        values: [...IMAGES, "all"],
      }],
      examples: [
        {
          line: "build image all",
          summary: "Every image, on packages of Debian, for this machine's processor",
        },
        {
          line: "build image pool-manager --backend cuda --base oci:cuda-runtime",
          summary: "For NVIDIA GPUs, on an image with CUDA's libraries",
        },
        {
          line: "build image orchestrator --packages ./debs --out images",
          summary: "Without a network, from a folder of .deb files",
        },
      ],
      load: async () => (await import("../../build/run_build.ts")).buildImage,
    }),
  ],
};
