/** Where a file stands among the parts that one model was split into by llama.cpp's `gguf-split`. */
export interface SplitPart {
  /** Path without the part's number and the ending. */
  readonly prefix: string;
  /** From 1. */
  readonly part: number;
  readonly parts: number;
}

/** The place of `x-00001-of-00003.gguf` in its model; undefined for any other name. */
export function splitPart(path: string): SplitPart | undefined {
  const match = /^(.*)-(\d{5})-of-(\d{5})\.gguf$/s.exec(path);
  if (!match) return undefined;
  const [, prefix, part, parts] = match;
  return { prefix: prefix ?? "", part: Number(part), parts: Number(parts) };
}

/** The first part of the model that a part belongs to; any other path as it is. */
export function firstPart(path: string): string {
  const split = splitPart(path);
  if (split === undefined) return path;
  return path.replace(/\d{5}(?=-of-\d{5}\.gguf$)/, "00001");
}

/** The files of the model that begins with `path`: all parts if it is the first of several. */
export function partPaths(path: string): string[] {
  const split = splitPart(path);
  if (!split || split.part !== 1) return [path];
  const five = (number: number) => String(number).padStart(5, "0");
  return Array.from(
    { length: Math.max(1, split.parts) },
    (_, index) => `${split.prefix}-${five(index + 1)}-of-${five(split.parts)}.gguf`,
  );
}
