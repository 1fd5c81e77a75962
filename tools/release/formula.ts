import formula from "../../deploy/homebrew/llorch.rb" with { type: "text" };
import { fill } from "../fill.ts";
import { TARGETS } from "../build/targets.ts";

/** Platforms that the formula installs on. */
export const FORMULA_TARGETS: readonly string[] = TARGETS
  .filter(({ os }) => os === "darwin").map(({ triple }) => triple);

/**
 * Makes the Homebrew formula of a version.
 *
 * @param url URL of the folder with the archives.
 * @param sha256 Hash of each platform's archive, by triple.
 * @throws {Error} that names a platform without an archive
 */
export function homebrewFormula(
  version: string,
  url: string,
  sha256: ReadonlyMap<string, string>,
): string {
  const hashes = FORMULA_TARGETS.map((triple): [string, string] => {
    const hash = sha256.get(triple);
    if (hash === undefined) throw new Error(`There is no archive for ${triple}`);
    return [`SHA256_${triple.toUpperCase().replaceAll("-", "_")}`, hash];
  });
  return fill(formula, { VERSION: version, URL: url, ...Object.fromEntries(hashes) })
    .replace(/^#.*\n/, "");
}
