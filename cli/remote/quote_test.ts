import fc from "fast-check";
import assert from "node:assert/strict";
import { UsageError } from "#shared/lifecycle.ts";
import { quoteProgram, quoteWord, quoteWords } from "./quote.ts";

const NASTY = [
  "",
  " ",
  "'",
  "''",
  "\\",
  "\\'",
  "'\\''",
  '"',
  "$HOME",
  "`id`",
  "$(id)",
  "${x}",
  "*",
  "~",
  "~root",
  "!!",
  "a;b",
  "a&&b",
  "a|b",
  ">x",
  "<x",
  "#x",
  "\n",
  "\r\n",
  "\t",
  "-n",
  "--",
  "=ls",
  "FOO=bar",
  "if",
  "{a,b}",
  "[a-z]",
  "\u0001\u001b[31m",
  "ü😀",
];

/** The arguments that a program would get if a real shell ran the line. */
function wordsOf(shell: string, line: string): string[] {
  const script = `for word in ${line}; do printf '%s\\0' "$word"; done`;
  const { stdout, stderr, success } = new Deno.Command(shell, { args: ["-c", script] })
    .outputSync();
  assert.ok(success, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout).split("\0").slice(0, -1);
}

Deno.test({
  name: "quoteWords(): every argument passes through a real shell unchanged",
  ignore: Deno.build.os === "windows",
  fn() {
    const word = fc.oneof(
      fc.constantFrom(...NASTY),
      fc.string({ unit: "grapheme" }),
      fc.array(fc.constantFrom(...NASTY)).map((parts) => parts.join("")),
    ).filter((text) => !text.includes("\0"));
    fc.assert(
      fc.property(fc.array(word, { minLength: 1, maxLength: 8 }), (words) => {
        assert.deepEqual(wordsOf("sh", quoteWords(words)), words);
      }),
      { numRuns: 200 },
    );
    assert.deepEqual(wordsOf("sh", quoteWords(NASTY)), NASTY);
  },
});

Deno.test({
  name: "quoteWords(): a line that was quoted twice can be parsed by two shells",
  ignore: Deno.build.os === "windows",
  fn() {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...NASTY), { minLength: 1, maxLength: 4 }), (words) => {
        const inner = `for word in ${quoteWords(words)}; do printf '%s\\0' "$word"; done`;
        const { stdout } = new Deno.Command("sh", {
          args: ["-c", quoteWords(["sh", "-c", inner])],
        }).outputSync();
        assert.deepEqual(new TextDecoder().decode(stdout).split("\0").slice(0, -1), words);
      }),
      { numRuns: 50 },
    );
  },
});

Deno.test("quoteWord() refuses characters that no command line can carry", () => {
  assert.throws(() => quoteWord("a\0b"), UsageError);
});

Deno.test("quoteProgram() lets the remote shell expand only the home folder", () => {
  assert.equal(quoteProgram("~/bin/llorch"), "~/'bin/llorch'");
  assert.equal(quoteProgram("~root/llorch"), "'~root/llorch'");
  assert.equal(quoteProgram("/opt/my tools/llorch"), "'/opt/my tools/llorch'");
});
