import { invalidRequest } from "#shared/errors.ts";
import type { TokensSeen } from "./tokenizer.ts";

/** What stands in a shown prompt for a picture or sound, as llama.cpp writes it. */
const SHOWN = "<__media__>";

/** For chats without pictures and sound. */
export const NO_MEDIA: ReadonlyMap<string, readonly number[]> = new Map();

/** A text that a turn has in the place of a picture or of sound. Nobody else can write it. */
export function newMarker(): string {
  return `\ue000${crypto.randomUUID()}\ue001`;
}

/** A prompt's text as people may read it. */
export function withoutMarkers(
  text: string,
  media: ReadonlyMap<string, readonly number[]>,
): string {
  let shown = text;
  for (const marker of media.keys()) shown = shown.replaceAll(marker, SHOWN);
  return shown;
}

/**
 * Tokenizes a text, with the tokens of pictures and sound where their markers stand. The parts between them are
 * tokenized one by one, as llama-server does.
 *
 * @throws {LlorchError} `INVALID_REQUEST` if a marker does not stand in the text exactly once
 */
export async function tokenizeAround(
  media: ReadonlyMap<string, readonly number[]>,
  text: string,
  seen: TokensSeen | undefined,
  tokenize: (part: string, seen: TokensSeen | undefined) => Promise<number[]>,
): Promise<number[]> {
  const places = [...media].map(([marker, tokens]) => {
    const at = text.indexOf(marker);
    if (at < 0 || text.indexOf(marker, at + 1) >= 0) throw invalidRequest([LOST]);
    return { at, end: at + marker.length, tokens };
  }).sort((a, b) => a.at - b.at);
  const all: number[] = [];
  const add = async (part: string) => {
    if (part === "") return;
    const own = await tokenize(part, seen && ((count) => seen(all.length + count)));
    for (const token of own) all.push(token);
  };
  let from = 0;
  for (const { at, end, tokens } of places) {
    await add(text.slice(from, at));
    for (const token of tokens) all.push(token);
    seen?.(all.length);
    from = end;
  }
  // A text without any is tokenized as it is, also an empty one.
  if (places.length === 0) return await tokenize(text, seen);
  await add(text.slice(from));
  return all;
}

const LOST = {
  field: "messages",
  message: "the model's chat template has no place for an image in one of them",
};
