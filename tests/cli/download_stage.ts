/**
 * A hub, a home and a models folder for tests of downloads.
 *
 * @module
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { type FakeHub, type FakeHubOptions, withFakeHub } from "../support/fake_hub.ts";
import { llorch, withHome } from "../support/llorch.ts";

export const MIB = 1024 * 1024;
export const NAME = "org/tiny/tiny.gguf";
export const REF = "hf:org/tiny::file=tiny.gguf";

/** Random bytes with a model's header; a little more than three requests fetch. */
export function content(seed = 1, length = 20 * MIB + 7): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  const values = new Uint32Array(bytes.buffer, 0, length >> 2);
  let state = seed;
  for (let at = 0; at < values.length; at++) {
    state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9 | 0;
    values[at] = state;
  }
  bytes.set(new TextEncoder().encode("GGUF"));
  return bytes;
}

export const WHOLE = content();
export const HASH = createHash("sha256").update(WHOLE).digest("hex");

export interface Stage {
  readonly hub: FakeHub;
  readonly models: string;
  readonly env: Record<string, string>;
  readonly run: (...args: string[]) => ReturnType<typeof llorch>;
  /** File names in the models folder. */
  readonly files: () => string[];
}

/** Runs a test with a fake hub, a home and a models folder. */
export async function stage(
  options: Partial<FakeHubOptions>,
  test: (stage: Stage) => Promise<void>,
  more: Record<string, string> = {},
): Promise<void> {
  await withFakeHub({ files: { [NAME]: WHOLE }, ...options }, async (hub) => {
    await withHome(async (home, own) => {
      const models = join(home, "models");
      const env = {
        ...own,
        LLORCH_MODELS_DIR: models,
        HF_HOME: join(home, "hf"),
        HF_ENDPOINT: hub.url,
        HF_HUB_DOWNLOAD_TIMEOUT: "60",
        ...more,
      };
      await test({
        hub,
        models,
        env,
        run: (...args) => llorch(["models", ...args], { env }),
        files: () => Array.from(Deno.readDirSync(models), ({ name }) => name).sort(),
      });
    });
  });
}

export async function assertWhole({ models, files }: Stage, of = WHOLE): Promise<void> {
  assert.deepEqual(files(), ["tiny.gguf", "tiny.gguf.json"]);
  assert.deepEqual(await Deno.readFile(join(models, "tiny.gguf")), of);
  const manifest = JSON.parse(await Deno.readTextFile(join(models, "tiny.gguf.json")));
  assert.equal(manifest.size_bytes, of.length);
  assert.equal(manifest.sha256, createHash("sha256").update(of).digest("hex"));
}
