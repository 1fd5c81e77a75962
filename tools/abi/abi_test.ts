import assert from "node:assert/strict";
import { join } from "node:path";
import * as written from "../../daemons/worker/engine/libllama/c/abi.ts";
import { llamaLibrary, unpackLlama } from "../llama_bundle.ts";
import { readAbi } from "./abi.ts";
import { compile, hasCompiler, HEADER_CACHE, HEADER_FOLDERS } from "./compiler.ts";
import { declarationsOf, type Headers } from "./declarations.ts";
import { differences } from "./differences.ts";
import { abiOf } from "./module.ts";

const source = await unpackLlama(HEADER_CACHE, HEADER_FOLDERS);
const library = await llamaLibrary();
const why = "why" in source
  ? source.why
  : "why" in library
  ? library.why
  : await hasCompiler()
  ? undefined
  : "no C compiler is installed (cc)";
const folder = "why" in source ? "" : source.folder;
const path = "why" in library ? "" : library.path;

test("the headers and the library say what abi.ts says", async () => {
  assert.deepEqual(await problemsOf(folder), []);
});

test("a field added in the middle of a structure is named", async () => {
  await withHeaders(
    "uint32_t n_ubatch;",
    "uint32_t n_extra; uint32_t n_ubatch;",
    async (doctored) => {
      const problems = await problemsOf(doctored);
      assert.ok(
        problems.includes(
          'FIELDS.llama_context_params.n_extra: absent in abi.ts, "u32" in llama.cpp',
        ),
        problems.join("\n"),
      );
    },
  );
});

test("a function with another parameter is named", async () => {
  await withHeaders(
    "llama_seq_id   seq_id_dst,",
    "llama_seq_id seq_id_dst, float x,",
    async (doctored) => {
      const problems = await problemsOf(doctored);
      assert.ok(
        problems.includes(
          'LLAMA_FUNCTIONS.llama_memory_seq_cp.parameters.3: "i32" in abi.ts, "f32" in llama.cpp',
        ),
        problems.join("\n"),
      );
    },
  );
});

test("another value of an enumeration is named", async () => {
  await withHeaders(/LLAMA_VOCAB_TYPE_WPM\s*= 3/, "LLAMA_VOCAB_TYPE_WPM = 33", async (doctored) => {
    assert.deepEqual(await problemsOf(doctored), [
      "CONSTANTS.LLAMA_VOCAB_TYPE_WPM: 3 in abi.ts, 33 in llama.cpp",
    ]);
  });
});

test("a type that is not what its name stands for is named", async () => {
  await withHeaders(
    "typedef int32_t llama_pos;",
    "typedef uint32_t llama_pos;",
    async (doctored) => {
      const problems = await problemsOf(doctored);
      assert.ok(problems.includes("llama_pos is not of type i32"), problems.join("\n"));
    },
  );
});

test("the compiler refuses fields that lie elsewhere", async () => {
  const declarations = declarationsOf(await headers());
  const { n_ctx: _, ...fields } = declarations.fields.llama_context_params!;
  const wrong = { ...declarations, fields: { llama_context_params: fields } };
  const result = await compile(wrong, folder, path);
  assert.ok("problems" in result);
  assert.ok(result.problems.includes("llama_context_params.n_batch is not at byte 0"));
  assert.ok(result.problems.every((line) => /^(arm64: )?llama_context_params/.test(line)));
});

// Without it we rely on the rule that both platforms share: 64-bit pointers, natural alignment.
const whyNotArm64 = await hasCompiler("arm64") ? why : "no compiler for arm64 is installed";

test("a compiler for arm64 finds the same layouts", async () => {
  const declarations = declarationsOf(await headers());
  assert.ok("facts" in await compile(declarations, folder, path));
  const { n_ctx: _, ...fields } = declarations.fields.llama_context_params!;
  const wrong = { ...declarations, fields: { llama_context_params: fields } };
  const result = await compile(wrong, folder, path);
  assert.ok("problems" in result);
  assert.ok(result.problems.includes("arm64: llama_context_params.n_batch is not at byte 0"));
}, whyNotArm64);

/** A test, or one that is skipped for a reason. */
function test(name: string, fn: () => Promise<void>, reason = why): void {
  Deno.test({
    name: reason === undefined ? name : `${name} (skipped: ${reason})`,
    ignore: reason !== undefined,
    fn,
  });
}

/** What the check would say. */
async function problemsOf(headersOf: string): Promise<readonly string[]> {
  const result = await readAbi(headersOf, path);
  if ("why" in result) assert.fail(result.why);
  return "problems" in result ? result.problems : differences(abiOf(written), result.abi);
}

async function headers(): Promise<Headers> {
  const read = (name: string) => Deno.readTextFile(join(folder, name));
  return {
    llama: await read("include/llama.h"),
    ggml: await read("ggml/include/ggml.h"),
    backend: await read("ggml/include/ggml-backend.h"),
    mtmd: await read("tools/mtmd/mtmd.h"),
  };
}

/** Runs a test with a copy of the headers in which a text of `llama.h` is another one. */
async function withHeaders(
  text: string | RegExp,
  other: string,
  test: (folder: string) => Promise<void>,
): Promise<void> {
  const copy = await Deno.makeTempDir({ prefix: "llorch-abi-test-" });
  try {
    for (const each of HEADER_FOLDERS) {
      await Deno.mkdir(join(copy, each), { recursive: true });
      for await (const { name, isFile } of Deno.readDir(join(folder, each))) {
        if (isFile) await Deno.copyFile(join(folder, each, name), join(copy, each, name));
      }
    }
    const header = join(copy, "include/llama.h");
    const before = await Deno.readTextFile(header);
    const after = before.replace(spaced(text), other);
    assert.notEqual(after, before);
    await Deno.writeTextFile(header, after);
    await test(copy);
  } finally {
    await Deno.remove(copy, { recursive: true });
  }
}

/** A text whose spaces stand for any number of them. */
function spaced(text: string | RegExp): RegExp {
  if (text instanceof RegExp) return text;
  return new RegExp(text.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&").replaceAll(/ +/g, "\\s+"));
}
