import { fill } from "../fill.ts";
import mit from "./MIT.txt" with { type: "text" };

/** Texts by SPDX name, for packages that say their licence and carry no file of it. */
const TEXTS: Readonly<Record<string, string>> = { MIT: mit };

/** Whom those name that do not say it themselves. */
const AUTHORS: readonly [name: RegExp, author: string][] = [
  [/^@deno\//, "2018-2026 the Deno authors"],
  [/^llama\.cpp$/, "2023-2026 The ggml authors"],
];

/**
 * The text of a licence that a package declares.
 *
 * @param name The package's name.
 * @param author Who made it, as it says.
 * @throws {Error} when no text of that licence is known
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
