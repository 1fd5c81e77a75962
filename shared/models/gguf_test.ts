import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { join } from "node:path";
import fc from "fast-check";
import { writeGguf } from "../../tests/support/gguf_writer.ts";
import { writeRandomModel } from "../../tests/support/models.ts";
import { LlorchError } from "../errors.ts";
import { fingerprint, readGguf } from "#shared/models/gguf.ts";

const DEMO = "catalog/demo/demo.gguf";

function inTempDir(body: (dir: string) => Promise<void>): () => Promise<void> {
  return async () => {
    const dir = await Deno.makeTempDir({ prefix: "llorch-test-" });
    try {
      await body(dir);
    } finally {
      await Deno.remove(dir, { recursive: true });
    }
  };
}

/** The bytes of a small complete model. */
async function smallModel(dir: string): Promise<Uint8Array<ArrayBuffer>> {
  const path = join(dir, "small.gguf");
  writeRandomModel(path, { layers: 1, width: 32, heads: 2, feedForward: 32, vocabulary: 272 });
  return await Deno.readFile(path);
}

/** Asserts that a file cannot be read; returns the reason. */
async function refusal(path: string, code = "INVALID_REQUEST"): Promise<string> {
  let reason = "";
  await assert.rejects(readGguf(path), (error) => {
    assert(error instanceof LlorchError, `must be a LlorchError: ${error}`);
    assert.equal(error.code, code);
    assert(error.message.includes(JSON.stringify(path)) && !error.message.includes("\n"));
    reason = error.message;
    return true;
  });
  return reason;
}

async function refusalOf(dir: string, bytes: Uint8Array): Promise<string> {
  const path = join(dir, "broken.gguf");
  await Deno.writeFile(path, bytes);
  return await refusal(path);
}

/** A copy of the bytes with a little-endian 64-bit number at an offset. */
function with64(bytes: Uint8Array<ArrayBuffer>, offset: number, value: bigint) {
  const changed = bytes.slice();
  new DataView(changed.buffer).setBigUint64(offset, value, true);
  return changed;
}

Deno.test("the demo model has the figures of its model card", async () => {
  const { fingerprint: _, ...info } = await readGguf(DEMO);
  assert.deepEqual(info, {
    architecture: "llama",
    name: "llorch demo",
    contextLength: 512,
    blockCount: 4,
    embeddingLength: 192,
    feedForwardLength: 512,
    headCount: 6,
    headCountKv: 2,
    tensorCount: 38,
    parameters: 1_771_200,
    skills: ["completion"],
    vocabSize: 1024,
    quantization: "Q8_0",
    chatTemplate: true,
    weightBytes: 1_886_976,
    headerBytes: 25_902,
    sizeBytes: 1_912_896,
  });
});

Deno.test({
  name: "a model is read with the permission to read it and nothing more",
  permissions: { read: [DEMO] },
  fn: async () => {
    assert.equal((await readGguf(DEMO)).blockCount, 4);
  },
});

Deno.test(
  "the fingerprint depends on header and size, not on tensor data",
  inTempDir(async (dir) => {
    const model = await smallModel(dir);
    const path = join(dir, "small.gguf");
    const { headerBytes, fingerprint: original } = await readGguf(path);
    const size = with64(new Uint8Array(8), 0, BigInt(model.length));
    const expected = createHash("sha256").update(model.subarray(0, headerBytes)).update(size);
    assert.equal(original, expected.digest("hex"));
    assert.equal(await fingerprint(path), original);

    const other = model.slice();
    other[other.length - 1] = (other.at(-1) ?? 0) ^ 1;
    await Deno.writeFile(path, other);
    assert.equal(await fingerprint(path), original, "tensor data do not count");

    await Deno.writeFile(path, new Uint8Array([...model, 0]));
    assert.notEqual(await fingerprint(path), original, "size counts");

    const key = new TextDecoder("latin1").decode(model).indexOf("llama.context_length");
    const renamed = model.slice();
    renamed[key] = "L".charCodeAt(0);
    await Deno.writeFile(path, renamed);
    assert.notEqual(await fingerprint(path), original, "metadata count");
  }),
);

Deno.test(
  "figures that differ between layers are read as lists",
  inTempDir(async (dir) => {
    const path = join(dir, "x.gguf");
    const base = {
      "general.architecture": { string: "hybrid" },
      "hybrid.block_count": { u32: 3 },
      "hybrid.embedding_length": { u32: 64 },
      "hybrid.attention.head_count": { u32: 4 },
      "hybrid.feed_forward_length": { i32s: [32, 96, 64] },
      "hybrid.attention.key_length": { u32: 24 },
      "hybrid.attention.value_length": { u32: 12 },
    };
    const write = (counts: number[]) =>
      writeGguf(path, {
        metadata: { ...base, "hybrid.attention.head_count_kv": { i32s: counts } },
        tensors: [],
      });
    write([0, 2, 0]);
    const info = await readGguf(path);
    assert.deepEqual(info.headCountKv, [0, 2, 0]);
    assert.equal(info.feedForwardLength, 96);
    assert.deepEqual([info.keyLength, info.valueLength], [24, 12]);
    assert.deepEqual([info.vocabSize, info.contextLength, info.chatTemplate], [0, 0, false]);
    const blank = { ...base, "tokenizer.chat_template": { string: " \n" } };
    writeGguf(path, { metadata: blank, tensors: [] });
    assert.equal((await readGguf(path)).chatTemplate, false);

    write([0, 2]);
    assert.match(
      await refusal(path),
      /head_count_kv" must have a whole number for each of 3 layers/,
    );
    write([0, 2, -1]);
    assert.match(await refusal(path), /head_count_kv" must have a whole number/);
  }),
);

Deno.test(
  "a split model is read as one, and a missing part is named",
  inTempDir(async (dir) => {
    const model = await smallModel(dir);
    const part = (number: number) => join(dir, `x-0000${number}-of-00002.gguf`);
    await Deno.writeFile(part(1), model);
    assert.match(
      await refusal(part(1), "MODEL_NOT_FOUND"),
      /^Cannot find model file ".*x-00002-of-00002\.gguf" \(a part of ".*x-00001-of-00002\.gguf"\)$/,
    );

    await Deno.writeFile(part(2), model);
    const one = await readGguf(join(dir, "small.gguf"));
    const both = await readGguf(part(1));
    assert.equal(both.sizeBytes, 2 * one.sizeBytes);
    assert.equal(both.weightBytes, 2 * one.weightBytes);
    assert.notEqual(both.fingerprint, one.fingerprint);
    assert.equal((await readGguf(part(2))).fingerprint, one.fingerprint);
  }),
);

Deno.test(
  "a large vocabulary is skipped in bounded memory",
  inTempDir(async (dir) => {
    const path = join(dir, "large.gguf");
    const tokens = Array.from({ length: 130_000 }, (_, id) => `token ${id}`);
    writeGguf(path, {
      metadata: {
        "tokenizer.ggml.tokens": { strings: tokens },
        "tokenizer.ggml.scores": { f32s: tokens.map(() => 0) },
        "tokenizer.chat_template": { string: "x".repeat(100_000) },
        "general.architecture": { string: "llama" },
        "llama.block_count": { u32: 1 },
        "llama.embedding_length": { u32: 32 },
      },
      tensors: [],
    });
    const info = await readGguf(path);
    assert.equal(info.vocabSize, 130_000);
    assert.equal(info.chatTemplate, true);
  }),
);

Deno.test(
  "a file that is not a model is refused with the reason",
  inTempDir(async (dir) => {
    assert.match(
      await refusal(join(dir, "none.gguf"), "MODEL_NOT_FOUND"),
      /^Cannot find model file/,
    );
    assert.match(await refusal(dir), /it is not a file$/);
    assert.match(await refusalOf(dir, new Uint8Array()), /it is not a GGUF file$/);
    assert.match(
      await refusalOf(dir, new TextEncoder().encode("<html>")),
      /it is not a GGUF file$/,
    );
  }),
);

Deno.test({
  name: "a file that may not be read is refused with the reason",
  permissions: { read: false },
  fn: async () => {
    assert.match(await refusal(DEMO), /^Cannot read model "catalog\/demo\/demo\.gguf": .*read/i);
  },
});

Deno.test({
  name: "a pipe is refused and not waited for",
  ignore: Deno.build.os === "windows",
  fn: inTempDir(async (dir) => {
    const path = join(dir, "pipe.gguf");
    assert((await new Deno.Command("mkfifo", { args: [path] }).output()).success);
    assert.match(await refusal(path), /it is not a file$/);
  }),
});

Deno.test(
  "absurd counts and versions are refused at once",
  inTempDir(async (dir) => {
    const model = await smallModel(dir);
    const absurd = 0xffff_ffff_ffff_ffffn;
    const version = (value: number) => with64(model, 4, BigInt(value));
    assert.match(await refusalOf(dir, version(1)), /GGUF version 1 is not supported$/);
    assert.match(
      await refusalOf(dir, version(0x0300_0000)),
      /big-endian GGUF files are not supported$/,
    );
    assert.match(await refusalOf(dir, with64(model, 8, absurd)), /claims 1844\d+ tensors$/);
    assert.match(await refusalOf(dir, with64(model, 16, absurd)), /claims 1844\d+ metadata keys$/);
    assert.match(
      await refusalOf(dir, with64(model, 24, absurd)),
      /a name in its header has 1844\d+ bytes$/,
    );

    const at = new TextDecoder("latin1").decode(model).indexOf("tokenizer.ggml.tokens");
    const length = at + "tokenizer.ggml.tokens".length + 8;
    assert.match(
      await refusalOf(dir, with64(model, length, absurd)),
      /"tokenizer\.ggml\.tokens" claims 1844\d+ texts$/,
    );
  }),
);

Deno.test(
  "a model without its own figures, and a part of one, are refused",
  inTempDir(async (dir) => {
    const path = join(dir, "x.gguf");
    const write = (metadata: Parameters<typeof writeGguf>[1]["metadata"]) =>
      writeGguf(path, { metadata, tensors: [] });
    write({});
    assert.match(await refusal(path), /it has no valid "general\.architecture"$/);
    write({ "general.architecture": { string: "clip" } });
    assert.match(await refusal(path), /it is no model, but reads images for one: .* --mmproj$/);
    write({ "general.architecture": { string: "llama" } });
    assert.match(await refusal(path), /it has no "llama\.block_count"$/);
    write({ "general.architecture": { string: "llama" }, "llama.block_count": { u32: 20_000 } });
    assert.match(
      await refusal(path),
      /"llama\.block_count" must be a whole number from 0 to 10000$/,
    );
    write({ "general.architecture": { string: "llama" }, "general.type": { string: "adapter" } });
    assert.match(await refusal(path), /a part for one: its type is "adapter"$/);
  }),
);

Deno.test(
  "a file cut off anywhere is refused as truncated",
  inTempDir(async (dir) => {
    const model = await smallModel(dir);
    const { headerBytes } = await readGguf(join(dir, "small.gguf"));
    const cuts = [
      5,
      23,
      24,
      100,
      headerBytes - 1,
      headerBytes,
      model.length - 4096,
      model.length - 1,
    ];
    for (const cut of cuts) {
      const reason = await refusalOf(dir, model.subarray(0, cut));
      assert.match(reason, /truncated|claims/, `cut at ${cut}`);
    }
  }),
);

Deno.test(
  "any file is either read or refused with one line",
  inTempDir(async (dir) => {
    const model = await smallModel(dir);
    const { headerBytes } = await readGguf(join(dir, "small.gguf"));
    const path = join(dir, "fuzz.gguf");
    const change = fc.tuple(fc.nat(headerBytes - 1), fc.nat(255));
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 8 }), async (changes) => {
        const bytes = model.slice();
        for (const [at, value] of changes) bytes[at] = value;
        await Deno.writeFile(path, bytes);
        try {
          await readGguf(path);
        } catch (error) {
          assert(error instanceof LlorchError, `${error}`);
          assert(!error.message.includes("\n"));
        }
      }),
      { numRuns: 300 },
    );
  }),
);
