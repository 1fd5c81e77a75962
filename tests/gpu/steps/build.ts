import { dirname, join } from "node:path";
import { ENV } from "#shared/defaults.ts";
import { type ExecutableName, SOURCES } from "#shared/executables.ts";
import { runProgram } from "#shared/run_program.ts";
import { CPU_OPTIONS, cudaOptions } from "../build_options.ts";
import { cmakeOptions, copyLibraries } from "../../../tools/build/libraries.ts";
import { ROOT } from "../../../tools/repo.ts";
import { CARD } from "../device.ts";
import { binDir, givenLibraries, type StepContext } from "../finding.ts";
import { tool, toolPath } from "../build_tool.ts";

/**
 * Builds llama.cpp's libraries for the card of this machine alone, puts them where a
 * worker that runs from source looks for a package, and writes the programs of `LLORCH_BIN_DIR`.
 */
export async function work(context: StepContext): Promise<void> {
  const { onCpu, work, report } = context;
  const backend = onCpu ? "cpu" : "cuda";
  const platform = onCpu ? "linux-x64" : "linux-x64-cuda";
  const engine = dirname(await Deno.realPath(join(ROOT, "node_modules/node-llama-cpp")));
  const packaged = join(engine, "@node-llama-cpp", platform);
  await Deno.remove(packaged, { recursive: true }).catch(() => {});
  const built = givenLibraries() ?? await compile(backend, context);
  await copyLibraries(built, join(packaged, "bins", platform));
  await Deno.mkdir(join(packaged, "dist"));
  await Deno.writeTextFile(join(packaged, "dist/index.js"), "");
  const about = { name: `@node-llama-cpp/${platform}`, version: "0.0.0", main: "dist/index.js" };
  await Deno.writeTextFile(join(packaged, "package.json"), JSON.stringify(about));

  await Deno.mkdir(binDir(work), { recursive: true });
  const write = (file: string, name: ExecutableName) =>
    Deno.writeTextFile(join(binDir(work), file), launcher(name), { mode: 0o755 });
  for (const name of ["llorch", "orchestratord", "pool-managerd", "llorch-candled"] as const) {
    await write(name, name);
  }
  await write(`llorch-candled-${backend}`, "llorch-candled");
  const worker = join(binDir(work), "llorch-candled");
  const checked = await runProgram({ command: worker, args: ["libraries"] });
  console.log(checked.stdout, checked.stderr);
  const value = checked.stdout.trim().split("\n").at(-1) ?? "";
  report({ name: "the worker's libraries", value, isOk: checked.code === 0 });
}

/** Builds the libraries; returns their folder. */
async function compile(
  backend: "cpu" | "cuda",
  { onCpu, work, report }: StepContext,
): Promise<string> {
  const [source, made] = [join(work, "src"), join(work, "build")];
  const cores = navigator.hardwareConcurrency;
  const own = onCpu ? CPU_OPTIONS : cudaOptions(await capability());
  const options = [...cmakeOptions(backend, { os: "linux" }), ...own];
  const generator = await succeeds("make", ["--version"]) ? [] : ["-G", "Ninja"];
  const began = performance.now();
  await tool("cmake", ["-S", source, "-B", made, ...generator, ...options]);
  await tool("cmake", ["--build", made, `--parallel=${cores}`, "--target=llama"]);
  const seconds = (performance.now() - began) / 1000;
  report({
    name: `${backend}, ${cores} cores`,
    value: `${seconds.toFixed(0)} s`,
    figures: { seconds },
  });
  return join(made, "bin");
}

/** A program that runs llorch's source, as one of a release runs what it carries. */
function launcher(name: ExecutableName): string {
  const config = join(ROOT, "deno.json");
  return `#!/bin/sh
unset ${ENV.executable}
exec '${Deno.execPath()}' run -q --no-prompt --cached-only --unstable-lazy-dynamic-imports \\
  --config='${config}' -P=${name} '${join(ROOT, SOURCES[name])}' "$@"
`;
}

/** The card's compute capability; another text if the driver cannot say it. */
async function capability(): Promise<string> {
  const args = [`--id=${CARD}`, "--query-gpu=compute_cap", "--format=csv,noheader"];
  return (await runProgram({ command: "nvidia-smi", args })).stdout;
}

async function succeeds(command: string, args: readonly string[]): Promise<boolean> {
  return await runProgram({ command, args }, { env: toolPath() })
    .then(({ code }) => code === 0, () => false);
}
