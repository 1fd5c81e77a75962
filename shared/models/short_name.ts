/** Longest short name, in characters. */
const MOST = 200;

/** Length of the fingerprint's beginning in a name, in characters. */
const PRINT = 8;

/**
 * Makes a valid short name from a file's name: accents are removed, every other run of invalid
 * characters becomes one `-`, and the name begins with a letter or digit. If nothing is left, it is
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

/** Makes a name unique by appending the beginning of the fingerprint. */
export function nameWithPrint(name: string, fingerprint: string): string {
  return `${name}-${fingerprint.slice(0, PRINT)}`;
}
