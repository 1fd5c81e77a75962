import { basename } from "node:path";
import { isReference } from "#shared/models/reference.ts";
import { splitPart } from "#shared/models/split.ts";

/** Name of a model that was given none: its file's, without the ending and the number of its part. */
export function nameOfFile(file: string): string {
  const stem = basename(splitPart(file)?.prefix ?? file).replace(/\.gguf$/i, "");
  const name = stem.replace(/[^A-Za-z0-9._+-]+/g, "-").replace(/^[^A-Za-z0-9]+/, "");
  return isReference(name) ? name : "model";
}
