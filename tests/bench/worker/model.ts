import { join } from "node:path";
import { UsageError } from "#shared/lifecycle.ts";
import { openVocabularyOf } from "../../../daemons/worker/testing/vocabulary.ts";
import { ROOT } from "../../support/stack.ts";
import type { TensorType } from "../../support/gguf_writer.ts";
import {
  type RandomModelOptions,
  writeCounterModel,
  writeRandomModel,
} from "../../support/models.ts";
import { MIN_VOCABULARY } from "../../support/vocabulary.ts";

/** Shapes of random models by their size, in parameters. */
const SHAPES = {
  "0.02B": { layers: 6, width: 384, heads: 6, kvHeads: 2, feedForward: 1024, vocabulary: 16_000 },
  "0.17B": { layers: 20, width: 768, heads: 12, kvHeads: 4, feedForward: 2048, vocabulary: 32_000 },
  "1.1B": { layers: 22, width: 2048, heads: 32, kvHeads: 4, feedForward: 5632, vocabulary: 32_000 },
} as const satisfies Record<string, RandomModelOptions>;

const TYPES: Readonly<Record<string, TensorType>> = { q4: "Q4_0", q8: "Q8_0", f16: "F16" };

/** Context length of a random model, in tokens. */
const CONTEXT = 4096;

/** A model file to measure with. */
export interface BenchModel {
  readonly path: string;
  /** Ids from `MIN_VOCABULARY` to below this are words. */
  readonly vocabulary: number;
  /** Tokens that may end a reply, which are never to be chosen. */
  readonly ends: readonly number[];
}

/** Whether a model is given by the path of a file, not by the name of one to make. */
export function isFile(model: string): boolean {
  return model.endsWith(".gguf");
}

/** The model of a GGUF file. */
function fileModel(path: string): BenchModel {
  const { llama, model, vocabulary } = openVocabularyOf(path);
  try {
    const ends = vocabulary.namedTokens().filter(({ isControl }) => isControl);
    return { path, vocabulary: vocabulary.size, ends: ends.map(({ id }) => id) };
  } finally {
    llama.llama_model_free(model);
  }
}

/**
 * The model that a name stands for, made if it does not exist yet: `random:0.17B-q4` has seeded random
 * weights in Q4_0, `counter:0.17B-q4` counts and costs as much. Or the one at a path that ends with
 * `.gguf`.
 *
 * @throws {UsageError} if there is no such shape or type
 */
export function benchModel(name: string, vocabularySize?: number): BenchModel {
  if (isFile(name)) return fileModel(name);
  const { shape, tensor } = benchShape(name);
  const folder = join(ROOT, "node_modules", ".cache", "llorch-bench");
  const path = join(folder, `${name.replace(":", "-")}.gguf`);
  if (!exists(path)) {
    console.log(`  writing ${path}`);
    Deno.mkdirSync(folder, { recursive: true });
    const { vocabulary: own, ...rest } = shape;
    const vocabulary = vocabularySize ?? own;
    const options = { ...rest, context: CONTEXT, type: tensor };
    if (name.startsWith("random:")) writeRandomModel(`${path}.part`, { ...options, vocabulary });
    else writeCounterModel(`${path}.part`, { ...options, numbers: vocabulary - MIN_VOCABULARY });
    Deno.renameSync(`${path}.part`, path);
  }
  return { path, vocabulary: vocabularySize ?? shape.vocabulary, ends: [] };
}

/**
 * Parses a model's name.
 *
 * @throws {UsageError} if there is no such shape or type
 */
export function benchShape(name: string) {
  const [, size = "", type = ""] = /^(?:random|counter):([\d.]+B)-(\w+)$/.exec(name) ?? [];
  const shape = Object.hasOwn(SHAPES, size) ? SHAPES[size as keyof typeof SHAPES] : undefined;
  const tensor = TYPES[type];
  if (!shape || !tensor) {
    const known = `random: and counter:{${Object.keys(SHAPES)}}-{${Object.keys(TYPES)}}`;
    throw new UsageError(`Cannot make the model "${name}": known are ${known}`);
  }
  return { shape, tensor };
}

function exists(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}
