/**
 * llama.cpp can look for backends by itself, in places that are not the worker's. A worker loads no library
 * from there, whatever lies there.
 *
 * @module
 */
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { findExecutable } from "#shared/executables.ts";
import { ENV } from "#shared/defaults.ts";
import { createClient } from "#shared/http/client.ts";
import { readLines } from "#shared/lines.ts";
import { runProgram } from "#shared/run_program.ts";
import { listeningUrl, within } from "../../../../tests/support/stack.ts";
import { hasCompiler } from "../../../../tools/abi/compiler.ts";
import { DEMO_MODEL, TOKEN, whenReady } from "../../testing/worker.ts";
import { cpuBinaries } from "./c/carried.ts";

/** Backends that llama.cpp looks for, with and without what follows the name of one of several. */
const BACKENDS = ["blas", "cann", "cpu", "cuda", "hip", "metal", "opencl", "rpc", "sycl", "vulkan"]
  .flatMap((name) => [`libggml-${name}.so`, `libggml-${name}-best.so`]);

/** A backend that says that it is the best, and writes down that it was loaded. */
const DECOY = `
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
static void note(void) {
  Dl_info info;
  FILE *file = fopen(MARKS, "a");
  if (file && dladdr((void *) note, &info)) fprintf(file, "%s\\n", info.dli_fname);
  if (file) fclose(file);
}
__attribute__((constructor)) static void loaded(void) { note(); }
int ggml_backend_score(void) { return 1000000; }
void *ggml_backend_init(void) { return 0; }
`;

const skipped = cpuBinaries() === undefined
  ? "llama.cpp is not installed"
  : Deno.build.os !== "linux"
  ? "only Linux lists a process's libraries in /proc"
  : await hasCompiler()
  ? undefined
  : "there is no C compiler";
const suffix = skipped === undefined ? "" : ` (skipped: ${skipped})`;

Deno.test({
  name:
    `a worker loads no library from the current folder, from variables or from beside it${suffix}`,
  ignore: skipped !== undefined,
}, async (t) => {
  const folder = await Deno.makeTempDir({ prefix: "llorch-decoy-" });
  const marks = join(folder, "loaded");
  try {
    const names = [...BACKENDS, ...readdirSync(cpuBinaries()!).filter((it) => it.endsWith(".so"))];
    const places: Record<string, string> = {};
    for (const place of ["current", "variable", "path", "beside"]) {
      places[place] = await decoys(join(folder, place), names, marks);
    }
    const cpu = join(places["variable"]!, "libggml-cpu.so");

    await t.step("a decoy says where it was loaded", async () => {
      Deno.dlopen(cpu, {}).close();
      assert.equal(await Deno.readTextFile(marks), `${cpu}\n`);
      await Deno.remove(marks);
    });

    await t.step("a worker becomes ready without any", async () => {
      const maps = await mapsOfWorker(places["current"]!, await programIn(places["beside"]!), {
        GGML_BACKEND_PATH: cpu,
        LD_LIBRARY_PATH: places["path"]!,
      });
      const libraries = new Set(maps.matchAll(/\/.*\.so\S*$/gm).map(([path]) => path));
      const own = [...libraries].filter((path) => /\/lib(ggml|llama)[^/]*$/.test(path));
      assert.ok(own.length >= 4, "libllama, libggml, libggml-base and a backend");
      assert.deepEqual(new Set(own.map(dirname)), new Set([cpuBinaries()!]));
      assert.deepEqual([...libraries].filter((path) => path.startsWith(folder)), []);
      await assert.rejects(Deno.readTextFile(marks), Deno.errors.NotFound);
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

/** Makes a folder of decoys. */
async function decoys(folder: string, names: readonly string[], marks: string): Promise<string> {
  await Deno.mkdir(folder);
  const source = join(folder, "decoy.c");
  const decoy = join(folder, "decoy.so");
  await Deno.writeTextFile(source, DECOY);
  const args = ["-shared", "-fPIC", `-DMARKS="${marks}"`, source, "-o", decoy];
  const { code, stderr } = await runProgram({ command: "cc", args });
  assert.equal(code, 0, stderr);
  for (const name of new Set(names)) await Deno.copyFile(decoy, join(folder, name));
  return folder;
}

/** Puts the program that runs a worker into a folder: llama.cpp looks beside the running file. */
async function programIn(folder: string): Promise<string> {
  const path = join(folder, "deno");
  await Deno.copyFile(Deno.execPath(), path);
  return path;
}

/** Memory of a ready worker, as Linux lists it. */
async function mapsOfWorker(
  cwd: string,
  deno: string,
  env: Record<string, string>,
): Promise<string> {
  const { args } = findExecutable("llorch-candled");
  const own = ["--port=0", "--standalone", "--gpu=none", "--threads=1", `--model=${DEMO_MODEL}`];
  const child = new Deno.Command(deno, {
    args: [...args, ...own],
    ...{ cwd, env: { ...env, [ENV.workerToken]: TOKEN } },
    ...{ stdin: "null", stdout: "piped", stderr: "inherit" },
  }).spawn();
  const lines = readLines(child.stdout);
  try {
    const url = await listeningUrl({ lines });
    await within(whenReady(createClient({ baseUrl: url, token: TOKEN })), "the worker is ready");
    return await Deno.readTextFile(`/proc/${child.pid}/maps`);
  } finally {
    child.kill("SIGKILL");
    await child.status;
  }
}
