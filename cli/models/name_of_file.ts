import { basename } from "node:path";
import { isReference } from "#shared/models/reference.ts";
import { splitPart } from "#shared/models/split.ts";

/** The default name of a model: its file's, without extension and part number. */
export function nameOfFile(file: string): string {
  const stem = basename(splitPart(file)?.prefix ?? file).replace(/\.gguf$/i, "");
  const name = stem.replace(/[^A-Za-z0-9._+-]+/g, "-").replace(/^[^A-Za-z0-9]+/, "");
  return isReference(name) ? name : "model";
}
