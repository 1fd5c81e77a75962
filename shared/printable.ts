/** Colours as `painter` writes them: they change how text looks, never what stands where. */
// deno-lint-ignore no-control-regex -- it begins with one
const COLOUR = /\u001b\[(?:2|22|31|32|33|39)m/y;

// deno-lint-ignore no-control-regex -- control characters are what it looks for
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g;

/**
 * Text that cannot move the cursor, rename the window or turn the line round, whoever chose the words
 * and file names in it: control characters are shown as `\x1b`. Line ends, tabs and, where they may
 * stand, our own colours stay.
 */
export function printable(
  text: string,
  { keepsColours = false }: { readonly keepsColours?: boolean } = {},
): string {
  return text.replace(CONTROL, (char, at: number) => {
    COLOUR.lastIndex = at;
    if (keepsColours && COLOUR.test(text)) return char;
    // A line end of Windows is one.
    if (char === "\r" && text[at + 1] === "\n") return char;
    const code = char.charCodeAt(0);
    const digits = code.toString(16);
    return code > 0xff ? `\\u${digits.padStart(4, "0")}` : `\\x${digits.padStart(2, "0")}`;
  });
}

/**
 * The same for what has one line to itself or a part of one, such as a name in a table: whatever is in
 * it, it stays there. Line ends and tabs are shown as `\n`, too.
 */
export function oneLine(text: string): string {
  return printable(text.replaceAll("\r", "\\r").replaceAll("\n", "\\n").replaceAll("\t", "\\t"));
}
