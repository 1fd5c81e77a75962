/**
 * Folders that may only import themselves and the folders named here. A new part of llorch needs a
 * line of its own.
 */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  "catalog": [],
  "shared": [],
  "cli": ["shared", "catalog"],
  "deploy": ["shared"],
  "daemons/orchestratord": ["shared"],
  "daemons/pool-managerd": ["shared"],
  "daemons/worker": ["shared"],
};

/** Names of every part. */
export const PARTS: readonly string[] = Object.keys(ALLOWED);

/** The part that a file belongs to; undefined for tests, tools and what stands at the root. */
export function partOf(path: string): string | undefined {
  return PARTS.find((part) => path.startsWith(`${part}/`));
}

/** Whether one part may import another. */
export function mayImport(part: string, other: string): boolean {
  return part === other || (ALLOWED[part]?.includes(other) ?? false);
}

/** Whether a file only exists for tests or for the repository's upkeep. */
export function isTestCode(path: string): boolean {
  return /(^|\/)(tests|tools|testdata|testing)\//.test(path) || /_test\.tsx?$/.test(path);
}
