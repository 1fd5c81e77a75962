/** Longest short name, in characters. */
const MOST = 200;

/** Characters of a fingerprint that tell two models of one name apart. */
const PRINT = 8;

/**
 * The short name of a file whose own is none: accents go, every other run of characters that a name
 * cannot have becomes one `-`, and a name begins with a letter or digit. What is left of nothing is
 * `model-` and the beginning of the fingerprint.
 *
 * @param stem The file's name without its ending.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { shortNameOf } from "#shared/models/short_name.ts";
 *
 * assert.equal(shortNameOf("-Möwe 7B (final)", "ab12cd34ef"), "Mowe-7B-final");
 * assert.equal(shortNameOf("模型", "ab12cd34ef"), "model-ab12cd34");
 * ```
 */
export function shortNameOf(stem: string, fingerprint: string): string {
  const plain = stem.normalize("NFKD").replace(/\p{M}+/gu, "")
    .replace(/[^A-Za-z0-9._+-]+/g, "-")
    .replace(/^[^A-Za-z0-9]+|[^A-Za-z0-9+]+$/g, "")
    .slice(0, MOST);
  return plain === "" ? `model-${fingerprint.slice(0, PRINT)}` : plain;
}

/** A name that no other content has. */
export function nameWithPrint(name: string, fingerprint: string): string {
  return `${name}-${fingerprint.slice(0, PRINT)}`;
}
