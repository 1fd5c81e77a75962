/**
 * llama.cpp returns an error for some faulty files, throws for others, and ends the process for the rest.
 * In each case the worker ends with the reason in one line, and says by its exit code whether it is the file.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { EXIT } from "#shared/defaults.ts";
import { writeCounterModel } from "../../../../tests/support/models.ts";
import { runExecutable } from "../../../../tests/support/service.ts";
import { engineOptions } from "../../testing/llama.ts";
import { UnusableModelError } from "../../model.ts";
import { loadLibllama } from "./load.ts";

const folder = Deno.makeTempDirSync({ prefix: "llorch-faulty-" });
globalThis.addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));
const WHOLE = join(folder, "whole.gguf");
writeCounterModel(WHOLE, { numbers: 20 });

/** A file that is being damaged. */
class Damaged {
  bytes = Deno.readFileSync(WHOLE);
  get #view() {
    return new DataView(this.bytes.buffer);
  }

  /** Replaces a text of the header by one of the same length, once. */
  replace(text: string, by: string): void {
    const encoder = new TextEncoder();
    this.bytes.set(encoder.encode(by), this.#endOf(text) - encoder.encode(text).length);
  }

  /** Sets the number of a key in the metadata. */
  set(key: string, value: number): void {
    // The type is before it.
    this.#view.setUint32(this.#endOf(key) + 4, value, true);
  }

  setFloat(key: string, value: number): void {
    this.#view.setFloat32(this.#endOf(key) + 4, value, true);
  }

  /** Sets a count of 64 bits. */
  setCount(at: number, count: bigint): void {
    this.#view.setBigUint64(at, count, true);
  }

  /** Sets the size of the first dimension of a tensor. */
  setColumns(tensor: string, columns: bigint): void {
    // The number of dimensions is before it.
    this.setCount(this.#endOf(tensor) + 4, columns);
  }

  cut(bytes: number): void {
    this.bytes = this.bytes.slice(0, bytes);
  }

  #endOf(text: string): number {
    const wanted = new TextEncoder().encode(text);
    const at = this.bytes.findIndex((_, start) =>
      wanted.every((byte, index) => this.bytes[start + index] === byte)
    );
    assert.ok(at >= 0, `the file has no ${text}`);
    return at + wanted.length;
  }
}

function damage(name: string, work: (file: Damaged) => void): string {
  const file = new Damaged();
  work(file);
  const path = join(folder, `${name.replaceAll(" ", "-")}.gguf`);
  Deno.writeFileSync(path, file.bytes);
  return path;
}

/** What llama.cpp itself refuses, without the worker's own look at the header. */
const REFUSED: Readonly<Record<string, readonly [(file: Damaged) => void, RegExp]>> = {
  "nothing": [(file) => file.cut(0), /gguf/],
  "another magic number": [(file) => file.replace("GGUF", "GGUX"), /magic/],
  "the beginning of a header": [(file) => file.cut(1_000), /gguf|failed to load/],
  "half of its tensors": [(file) => file.cut(file.bytes.length / 2), /not within the file bounds/],
  "more tensors than there can be": [(file) => file.setCount(8, 2n ** 62n), /gguf|failed to load/],
  "more metadata than there can be": [
    (file) => file.setCount(16, 2n ** 62n),
    /gguf|failed to load/,
  ],
  "a key longer than the file": [(file) => file.setCount(24, 2n ** 60n), /gguf|failed to load/],
  "a tensor of another size": [
    (file) => file.setColumns("blk.0.attn_q.weight", 128n),
    /wrong shape|failed to load|offset/,
  ],
  "a tensor larger than all memory": [
    (file) => file.setColumns("blk.0.attn_q.weight", 2n ** 50n),
    /failed to load|offset|overflow/,
  ],
  "a tensor of another name": [
    (file) => file.replace("blk.0.attn_q", "blk.0.attn_x"),
    /missing tensor|not found/,
  ],
  "an unknown architecture": [
    (file) => file.replace("llama", "zlama"),
    /unknown model architecture: 'zlama'/,
  ],
  "an architecture without its keys": [
    (file) => file.replace("llama", "qwen3"),
    /key not found in model: qwen3/,
  ],
  "an unknown tokenizer": [
    // Of the key's value, not of the name of an architecture.
    (file) =>
      file.replace(
        "tokenizer.ggml.model\x08\0\0\0\x05\0\0\0\0\0\0\0llama",
        "tokenizer.ggml.model\x08\0\0\0\x05\0\0\0\0\0\0\0zlama",
      ),
    /unknown tokenizer: 'zlama'/,
  ],
  "no token for a byte": [
    (file) => file.replace("<0xC3>", "<0yC3>"),
    /its vocabulary has no token for byte 195/,
  ],
};

for (const [name, [work, reason]] of Object.entries(REFUSED)) {
  Deno.test(`a model's file with ${name} is refused as unusable, in one line`, async () => {
    await assert.rejects(loadLibllama(engineOptions(damage(name, work), {})), (error) => {
      assert.ok(error instanceof UnusableModelError, String(error));
      assert.match(error.message, /^Cannot load model ".*": [^\n]+$/);
      assert.match(error.message, reason);
      return true;
    });
  });
}

/** Where llama.cpp ends the process. */
const ABORTS: Readonly<Record<string, readonly [(file: Damaged) => void, RegExp]>> = {
  "more layers than it can handle": [
    (file) => file.set("llama.block_count", 600),
    /GGML_ASSERT\(.*n_layer.*\) failed \(llama-model\.cpp:\d+\)/,
  ],
  "the same token twice": [
    (file) => file.replace("▁w19", "▁w18"),
    /GGML_ASSERT\(.*token.*\) failed \(llama-vocab\.cpp:\d+\)/,
  ],
  "a figure that fails in the first step": [
    (file) => file.setFloat("layer_norm_rms_epsilon", -1),
    /GGML_ASSERT\(eps >= 0\.0f\) failed/,
  ],
};

for (const [name, [work, reason]] of Object.entries(ABORTS)) {
  Deno.test(`a worker whose model's file has ${name} ends with the reason in one line`, async () => {
    const model = damage(name, work);
    // Two threads compute the first step: either may be the one that fails.
    const args = ["--port=0", "--standalone", "--gpu=none", "--threads=2", `--model=${model}`];
    const { code, out, err } = await runExecutable("llorch-candled", args);
    assert.equal(code, EXIT.unusableModel, err);
    assert.match(
      err,
      /^llorch-candled: Cannot load model ".*": llama\.cpp does not expect this: .+\n$/,
    );
    assert.match(err, reason);
    const events = out.trim().split("\n").map((line) => JSON.parse(line).event);
    assert.equal(events.at(-1), "start_failed");
  });
}
