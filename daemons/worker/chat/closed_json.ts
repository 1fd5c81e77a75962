/**
 * Closes a JSON text that was cut off: a string ends where the text does; a key without its value and
 * a number or a word that may not be whole are left out. Other text may become anything, also text
 * that is no JSON.
 */
export function closedJson(text: string): string {
  const closing: string[] = [];
  /** Up to where it is complete but for brackets: after an opening bracket, or before a comma. */
  let complete = 0;
  /** Whether what comes next is a key. */
  let isKey = false;
  const end = () => closing.toReversed().join("");
  for (let at = 0; at < text.length; at++) {
    switch (text[at]) {
      case "{":
      case "[":
        closing.push(text[at] === "{" ? "}" : "]");
        isKey = text[at] === "{";
        complete = at + 1;
        break;
      case "}":
      case "]":
        closing.pop();
        complete = at + 1;
        break;
      case ",":
        isKey = closing.at(-1) === "}";
        complete = at;
        break;
      case ":":
        isKey = false;
        break;
      case '"': {
        const next = stringEnd(text, at);
        if (next === undefined) {
          return (isKey ? text.slice(0, complete) : closedString(text, at)) + end();
        }
        at = next - 1;
        if (!isKey) complete = next;
      }
    }
  }
  return text.slice(0, complete) + end();
}

/** The index after a string that begins at this one; undefined if it does not end. */
function stringEnd(text: string, start: number): number | undefined {
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] === '"') return at + 1;
    if (text[at] === "\\") at++;
  }
  return undefined;
}

/** Ends a string that begins at this index, without an escape that is not whole. */
function closedString(text: string, start: number): string {
  const [whole = ""] = /^"(?:[^\\]|\\u[\da-fA-F]{4}|\\[^u])*/u.exec(text.slice(start)) ?? [];
  return `${text.slice(0, start)}${whole}"`;
}
