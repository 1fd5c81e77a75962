/**
 * Parts of llorch: folders that may import only themselves and the folders named here. A new part
 * needs a line here.
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

/** The part of a file; undefined for tests, tools and files at the root. */
export function partOf(path: string): string | undefined {
  return PARTS.find((part) => path.startsWith(`${part}/`));
}

/** Whether one part may import another. */
export function mayImport(part: string, other: string): boolean {
  return part === other || (ALLOWED[part]?.includes(other) ?? false);
}

/** Whether a file is only for tests or tools. */
export function isTestCode(path: string): boolean {
  return /(^|\/)(tests|tools|testdata|testing)\//.test(path) || /_test\.tsx?$/.test(path);
}
