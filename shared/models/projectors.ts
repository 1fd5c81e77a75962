import { createHash } from "node:crypto";
import { basename, dirname } from "node:path";
import { LlorchError } from "../errors.ts";
import { readGgufHeader } from "./gguf_header.ts";

/** A file with which a model sees or hears, beside the model's own. */
export interface Projector {
  readonly path: string;
  readonly sizeBytes: number;
  readonly sees: boolean;
  readonly hears: boolean;
  /** Numbers that the model gets for each token of a picture; undefined if the file does not say. */
  readonly width: number | undefined;
}

/** Reads what a file says of itself; undefined if it is no projector, or cannot be read. */
export async function readProjector(path: string): Promise<Projector | undefined> {
  try {
    const { metadata, sizeBytes } = await readGgufHeader(path, createHash("sha256"));
    if (metadata.get("general.architecture") !== "clip") return undefined;
    const width = metadata.get("clip.vision.projection_dim") ??
      metadata.get("clip.audio.projection_dim");
    return {
      ...{ path, sizeBytes },
      // Old files have nothing but eyes, and do not say so.
      sees: metadata.get("clip.has_vision_encoder") !== false &&
        metadata.get("clip.vision.block_count") !== undefined,
      hears: metadata.get("clip.has_audio_encoder") === true,
      width: typeof width === "number" ? width : undefined,
    };
  } catch (error) {
    if (error instanceof LlorchError) return undefined;
    throw error;
  }
}

/** Words of names that say how a file is written, and not what it is. */
const FORMS = /^(?:mmproj|model|b?f16|f32|fp16|fp32|i?q\d\w*|ud|gguf)$/;

/**
 * The projector of a model: a file in its folder, by the names that people give them.
 *
 * 1. `x.mmproj.gguf` beside `x.gguf`.
 * 2. A name of the same words, but for those that say how it is written: `mmproj-x-f16.gguf`.
 * 3. A name of no other words, as `mmproj-model-f16.gguf`, if its numbers are as many as the model takes.
 * 4. Any name where a folder has one model and one projector, in whichever forms, if its numbers are as many as
 *    the model takes: some are named after the encoder, as `mmproj-ultravox-v0_5-….gguf`.
 *
 * Among several, the first by name that is written as 16-bit numbers, else the first.
 *
 * @param width Numbers that the model takes for each token.
 * @param models The models of its folder, itself among them.
 */
export function projectorOf(
  model: string,
  width: number,
  all: readonly Projector[],
  models: readonly string[] = [],
): Projector | undefined {
  const near = all.filter(({ path }) => dirname(path) === dirname(model))
    .toSorted((a, b) => rank(a) - rank(b) || (a.path < b.path ? -1 : 1));
  const own = `${stem(model)}.mmproj`;
  const words = wordsOf(model);
  const fits = (each: Projector) => each.width === width;
  const isAlone = models.length > 0 && models.every((path) => wordsOf(path) === words) &&
    near.every(({ path }) => wordsOf(path) === wordsOf(near[0]!.path));
  return near.find(({ path }) => stem(path) === own) ??
    near.find(({ path }) => wordsOf(path) === words) ??
    near.find((each) => wordsOf(each.path) === "" && fits(each)) ??
    (isAlone ? near.find(fits) : undefined);
}

function rank({ path }: Projector): number {
  return /f16/i.test(basename(path)) ? 0 : 1;
}

function stem(path: string): string {
  return basename(path).replace(/\.gguf$/i, "");
}

function wordsOf(path: string): string {
  return stem(path).replace(/-\d{5}-of-\d{5}$/, "").toLowerCase().split(/[-_.\s]+/)
    .filter((word) => word !== "" && !FORMS.test(word) && !/^(?:k|m|s|l|xl|xs|xxs|0|1)$/.test(word))
    .join("-");
}
