import { fill } from "../fill.ts";
import lgpl from "./LGPL-2.1.txt" with { type: "text" };
import mit from "./MIT.txt" with { type: "text" };

/** Texts by SPDX name, for packages without a licence file. */
const TEXTS: Readonly<Record<string, string>> = { MIT: mit };

/** Licences of packages that do not name theirs: their repositories do. */
const UNNAMED: Readonly<Record<string, string>> = { "@wasm-audio-decoders/common": "MIT" };

/** Libraries that packages contain under another licence than their own, and without its text. */
const INSIDE: Readonly<Record<string, { readonly licence: string; readonly text: string }>> = {
  "mpg123-decoder": {
    licence: "LGPL-2.1-only",
    text: [
      "It contains libmpg123, compiled to WebAssembly. Copyright (c) 1995-2026 the mpg123 project,",
      "https://www.mpg123.org, under the following licence. Its source is a part of the package's own:",
      "https://github.com/eshaz/wasm-audio-decoders. A worker that is built from llorch's source with",
      "another version of the package has another version of it.",
      "",
      lgpl,
    ].join("\n"),
  },
};

/** Copyright holders of packages that do not name them. */
const AUTHORS: readonly [name: RegExp, author: string][] = [
  [/^@deno\//, "2018-2026 the Deno authors"],
  [
    /^llama\.cpp$/,
    // With those of files that have their own line, under the same licence.
    [
      "2023-2026 The ggml authors",
      "2024 Mozilla Foundation (llamafile's matrix products)",
      "2023 Jeffrey Quesnelle and Bowen Peng (YaRN)",
    ].join("\nCopyright (c) "),
  ],
];

/** An SPDX expression, and the texts of its licences. */
export interface Licence {
  readonly licence: string | undefined;
  readonly licenceText: string;
}

/**
 * The licence of a package, and of what it contains beside its own code.
 *
 * @param texts Its licence files.
 * @throws {Error} as {@linkcode declaredLicence}, if it has none
 */
export function licenceOf(
  name: string,
  said: string | undefined,
  author: string | undefined,
  texts: readonly string[],
): Licence {
  const licence = said ?? UNNAMED[name];
  const own = texts.length > 0 ? [...texts] : [declaredLicence(name, licence, author)];
  const inside = INSIDE[name];
  return {
    licence: inside ? `${licence} AND ${inside.licence}` : licence,
    licenceText: [...own, ...inside ? [inside.text.trimEnd()] : []].join("\n\n"),
  };
}

/**
 * The text of a licence that a package declares.
 *
 * @param name The package's name.
 * @param author Its author, from the package.
 * @throws {Error} if there is no text of that licence
 */
export function declaredLicence(
  name: string,
  licence: string | undefined,
  author: string | undefined,
): string {
  const text = TEXTS[licence ?? ""];
  if (text === undefined) {
    throw new Error(`${name} carries no licence file, and no text is known of "${licence}"`);
  }
  const known = AUTHORS.find(([pattern]) => pattern.test(name))?.[1];
  return fill(text, { AUTHOR: known ?? author ?? `the authors of ${name}` }).trimEnd();
}
