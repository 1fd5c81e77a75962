import { join } from "node:path";
import { MIN_VOCABULARY } from "../../../tests/support/vocabulary.ts";
import { type Opened, type Options, using } from "./llama.ts";

/** Results differ least with the sizes of batches. */
const EXACT = { cache_type_k: "f32", cache_type_v: "f32", flash_attention: "off" } as const;

/** Token ids of `length` words that depend on `seed`. */
export const words = (seed: number, length: number) =>
  Array.from({ length }, (_, at) => MIN_VOCABULARY + (seed * 53 + at * 37 + at * at) % 200);

/** Runs `work` with a model that `write` writes. */
export async function withModel(
  write: (path: string) => void,
  options: Options,
  work: (opened: Opened) => Promise<void>,
): Promise<void> {
  const dir = await Deno.makeTempDir({ prefix: "llorch-test-" });
  try {
    const path = join(dir, "model.gguf");
    write(path);
    const settings = { ...EXACT, ...options.settings };
    await using(path, { context: 512, ...options, settings }, work);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}
