/** The colours of `painter`: they change only how text looks. */
// deno-lint-ignore no-control-regex -- it begins with one
const COLOUR = /\u001b\[(?:2|22|31|32|33|39)m/y;

// deno-lint-ignore no-control-regex -- control characters are what it looks for
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g;

/**
 * Escapes control characters, as `\x1b`, so that text from elsewhere cannot move the cursor, rename
 * the window or reverse the line. Line ends, tabs and, with `keepsColours`, our own colours are
 * kept.
 */
export function printable(
  text: string,
  { keepsColours = false }: { readonly keepsColours?: boolean } = {},
): string {
  return text.replace(CONTROL, (char, at: number) => {
    COLOUR.lastIndex = at;
    if (keepsColours && COLOUR.test(text)) return char;
    // Part of a Windows line end.
    if (char === "\r" && text[at + 1] === "\n") return char;
    const code = char.charCodeAt(0);
    const digits = code.toString(16);
    return code > 0xff ? `\\u${digits.padStart(4, "0")}` : `\\x${digits.padStart(2, "0")}`;
  });
}

/**
 * The same for text that must stay on one line, such as a name in a table: line ends and tabs are
 * escaped too, as `\n`.
 */
export function oneLine(text: string): string {
  return printable(text.replaceAll("\r", "\\r").replaceAll("\n", "\\n").replaceAll("\t", "\\t"));
}
