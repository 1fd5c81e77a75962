import type { Notes } from "./notes.ts";

/** Facts that are checked before a release. */
export interface ReleaseFacts {
  readonly version: string;
  /** `git status --porcelain`. */
  readonly changes: string;
  readonly notes: Notes | undefined;
  readonly isTagged: boolean;
  readonly hasAllTargets: boolean;
}

/** Reasons why a version cannot be released, each with what to do; empty if it can. */
export function obstacles(facts: ReleaseFacts): string[] {
  const { version, notes } = facts;
  return [
    ...(facts.changes === "" ? [] : ["the checkout has changes: commit them"]),
    ...(notes?.heading === version
      ? []
      : [`CHANGELOG.md has no section [${version}]: give the unreleased one its version and date`]),
    ...(facts.isTagged ? [`v${version} is tagged already: raise the version in deno.json`] : []),
    ...(facts.hasAllTargets ? [] : ["not every platform is built: leave out --target"]),
  ];
}
