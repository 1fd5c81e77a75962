/** One part of a model that llama.cpp's `gguf-split` has split. */
export interface SplitPart {
  /** Path without part number and ending. */
  readonly prefix: string;
  /** Number of this part, from 1. */
  readonly part: number;
  readonly parts: number;
}

/** Parses names such as `x-00001-of-00003.gguf`; undefined for any other name. */
export function splitPart(path: string): SplitPart | undefined {
  const match = /^(.*)-(\d{5})-of-(\d{5})\.gguf$/s.exec(path);
  if (!match) return undefined;
  const [, prefix, part, parts] = match;
  return { prefix: prefix ?? "", part: Number(part), parts: Number(parts) };
}

/** Path of the first part of a split model; any other path is returned unchanged. */
export function firstPart(path: string): string {
  const split = splitPart(path);
  if (split === undefined) return path;
  return path.replace(/\d{5}(?=-of-\d{5}\.gguf$)/, "00001");
}

/** All files of a model: all parts if `path` is the first part of several. */
export function partPaths(path: string): string[] {
  const split = splitPart(path);
  if (!split || split.part !== 1) return [path];
  const five = (number: number) => String(number).padStart(5, "0");
  return Array.from(
    { length: Math.max(1, split.parts) },
    (_, index) => `${split.prefix}-${five(index + 1)}-of-${five(split.parts)}.gguf`,
  );
}
