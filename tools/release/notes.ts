/** A version's part of the changelog. */
export interface Notes {
  /** `1.2.0`, or `Unreleased`. */
  readonly heading: string;
  /** Markdown, without the heading. */
  readonly text: string;
}

/**
 * Finds a version's notes in a changelog in Keep a Changelog's form; the unreleased notes if the
 * version has no heading.
 *
 * @returns undefined if there are no notes
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
