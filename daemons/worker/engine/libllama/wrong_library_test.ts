import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { basename, join } from "node:path";
import { LlorchError } from "#shared/errors.ts";
import { runProgram } from "#shared/run_program.ts";
import { hasCompiler } from "../../../../tools/abi/compiler.ts";
import { cpuBinaries } from "./c/carried.ts";
import { FIELDS, VERSION } from "./c/abi.ts";
import { checkAbi } from "./c/check_abi.ts";
import { layoutOf } from "./c/layout.ts";
import { openDependencies } from "./c/library.ts";

/** Sources of libraries in place of libllama, and why they are refused. */
const WRONG: Readonly<Record<string, readonly [source: string, reason: RegExp]>> = {
  "another version": [
    'const char *llama_version(void) { return "9.9.9"; }',
    /its version is 9\.9\.9 instead of/,
  ],
  "no version": ["int llama(void) { return 1; }", /it does not say its version/],
  "the right version and other structures": [
    `const char *llama_version(void) { return "${VERSION}"; }
    struct params { char bytes[${layoutOf(FIELDS.llama_model_params).size + 32}]; };
    struct params llama_model_default_params(void) { struct params p = { { 1 } }; return p; }
    struct params llama_context_default_params(void) { return llama_model_default_params(); }`,
    /it says that it is version .*, but (?:llama_model_params is longer|the default of llama_model_params\.)/,
  ],
  "what is no library": ["", /libllama.*(?:file too short|invalid ELF|not a mach-o)/i],
};

Deno.test({
  name: "a folder whose libllama is another one is refused in words, before a call depends on it",
  ignore: Deno.build.os === "windows" || cpuBinaries() === undefined || !await hasCompiler(),
}, async (t) => {
  for (const [name, [source, reason]] of Object.entries(WRONG)) {
    await t.step(name, async () => {
      const folder = await withLibrary(source);
      try {
        // As a load does it.
        assert.throws(() => checkAbi(openDependencies(folder)), (error) => {
          assert.ok(error instanceof LlorchError && error.code === "WORKER_START_FAILED");
          assert.ok(error.message.includes(folder), error.message);
          assert.match(error.message, reason);
          assert.match(error.message, new RegExp(`install the libraries of version ${VERSION}$`));
          return true;
        });
      } finally {
        await Deno.remove(folder, { recursive: true });
      }
    });
  }
});

/** A copy of the libraries for the CPU, with libllama made of a source. */
async function withLibrary(source: string): Promise<string> {
  const folder = await Deno.makeTempDir({ prefix: "llorch-library-" });
  const files = readdirSync(cpuBinaries()!).map((file) => join(cpuBinaries()!, file));
  for (const file of files) {
    if (/^lib(?:ggml|ggml-base|llama)\./.test(basename(file))) {
      await Deno.copyFile(file, join(folder, basename(file)));
    }
  }
  const llama = readdirSync(folder).find((name) => name.startsWith("libllama."))!;
  const path = join(folder, llama);
  await Deno.remove(path);
  if (source === "") await Deno.writeTextFile(path, "no library");
  else {
    const file = join(folder, "llama.c");
    await Deno.writeTextFile(file, source);
    const args = ["-shared", "-fPIC", file, "-o", path];
    const { code, stderr } = await runProgram({ command: "cc", args });
    assert.equal(code, 0, stderr);
  }
  return folder;
}
