import { fill } from "../fill.ts";
import mit from "./MIT.txt" with { type: "text" };

/** Texts by SPDX name, for packages without a licence file. */
const TEXTS: Readonly<Record<string, string>> = { MIT: mit };

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
