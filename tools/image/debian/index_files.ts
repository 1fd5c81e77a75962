/** Reads Debian's index files: paragraphs of `Name: value` lines. */

/** Fields of a paragraph; of a field in several lines, the lines without their indent. */
export type Paragraph = ReadonlyMap<string, string>;

/** The paragraphs of a control file. */
export function* paragraphs(text: string): Generator<Paragraph> {
  let fields = new Map<string, string>();
  let last = "";
  for (const line of text.split("\n")) {
    if (line === "") {
      if (fields.size > 0) yield fields;
      fields = new Map();
    } else if (/^\s/.test(line)) {
      fields.set(last, `${fields.get(last) ?? ""}\n${line.trim()}`);
    } else {
      const at = line.indexOf(":");
      if (at < 0) continue;
      last = line.slice(0, at);
      fields.set(last, line.slice(at + 1).trim());
    }
  }
  if (fields.size > 0) yield fields;
}

/** SHA-256 of each file that a Release file lists, by path. */
export function hashesOfRelease(release: Paragraph): Map<string, string> {
  const lines = (release.get("SHA256") ?? "").split("\n").filter((line) => line !== "");
  return new Map(lines.map((line) => {
    const [sha256, , path] = line.split(/\s+/) as [string, string, string];
    return [path, sha256];
  }));
}

/** Names in `Depends` and `Pre-Depends`, each with its alternatives. */
export function dependenciesOf(paragraph: Paragraph): string[][] {
  return ["Pre-Depends", "Depends"].flatMap((field) => {
    const said = paragraph.get(field) ?? "";
    return said.split(",").map((each) => each.trim()).filter((each) => each !== "").map((each) =>
      each.split("|").map((alternative) => alternative.trim().replace(/[\s(:].*$/s, ""))
    );
  });
}
