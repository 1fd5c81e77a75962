/** What a changelog says of one version. */
export interface Notes {
  /** `1.2.0`, or `Unreleased`. */
  readonly heading: string;
  /** Markdown, without the heading. */
  readonly text: string;
}

/**
 * Takes a version's notes from a changelog in Keep a Changelog's form; those of the coming version
 * while it has no heading of its own.
 *
 * @returns nothing where neither is there, or where it says nothing
 */
export function notesOf(changelog: string, version: string): Notes | undefined {
  const sections = changelog.split(/^## /m).slice(1).map((section) => {
    const end = section.indexOf("\n");
    const [, heading = ""] = /^\[([^\]]+)\]/.exec(section) ?? [];
    return { heading, text: end === -1 ? "" : section.slice(end + 1).trim() };
  });
  return [version, "Unreleased"]
    .map((wanted) => sections.find(({ heading, text }) => heading === wanted && text !== ""))
    .find((section) => section !== undefined);
}
