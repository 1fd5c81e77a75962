/** A place of a text up to which it is complete but for brackets. */
interface Place {
  readonly at: number;
  readonly closing: string;
}

/**
 * Closes a JSON text that was cut off: a string ends where the text does; a key without its value and
 * a number or a word that may not be whole are left out. Other text may become anything, also text
 * that is no JSON.
 */
export function closedJson(text: string): string {
  const closing: string[] = [];
  /** After an opening bracket, or before a comma. */
  let complete: Place = { at: 0, closing: "" };
  /** Whether what comes next is a key. */
  let isKey = false;
  const place = (at: number): Place => ({ at, closing: closing.toReversed().join("") });
  for (let at = 0; at < text.length; at++) {
    switch (text[at]) {
      case "{":
      case "[":
        closing.push(text[at] === "{" ? "}" : "]");
        isKey = text[at] === "{";
        complete = place(at + 1);
        break;
      case "}":
      case "]":
        closing.pop();
        complete = place(at + 1);
        break;
      case ",":
        isKey = closing.at(-1) === "}";
        complete = place(at);
        break;
      case ":":
        isKey = false;
        break;
      case '"': {
        const end = stringEnd(text, at);
        if (end === undefined) {
          return isKey ? cutAt(text, complete) : closedString(text, at, place(0));
        }
        at = end - 1;
        if (!isKey) complete = place(end);
      }
    }
  }
  return cutAt(text, complete);
}

/** The index after a string that begins at this one; undefined if it does not end. */
function stringEnd(text: string, start: number): number | undefined {
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] === '"') return at + 1;
    if (text[at] === "\\") at++;
  }
  return undefined;
}

function cutAt(text: string, { at, closing }: Place): string {
  return text.slice(0, at) + closing;
}

/** Ends a string that begins at this index, without an escape that is not whole. */
function closedString(text: string, start: number, { closing }: Place): string {
  const [whole = ""] = /^"(?:[^\\]|\\u[\da-fA-F]{4}|\\[^u])*/u.exec(text.slice(start)) ?? [];
  return `${text.slice(0, start)}${whole}"${closing}`;
}
