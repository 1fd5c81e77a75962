/** A rule's name, or what is none: literals, classes, comments, repetitions and tokens. */
const PARTS = /"(?:\\.|[^"\\])*"|\[(?:\\.|[^\]\\])*\]|#[^\n]*|\{[^}]*\}|<[^>\s]*>|[A-Za-z0-9-]+/g;

/** Changes the names of a grammar's rules. */
export function renameRules(text: string, rename: (name: string) => string): string {
  return text.replace(PARTS, (part) => /^[A-Za-z0-9-]/.test(part) ? rename(part) : part);
}

/** A word, with a digit where a text has it already. */
export function unusedWord(text: string, word: string): string {
  for (let count = 0;; count++) {
    const candidate = count === 0 ? word : `${word}${count}`;
    if (!text.includes(candidate)) return candidate;
  }
}
