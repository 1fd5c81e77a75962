import assert from "node:assert/strict";
import { breakMarks, type MarkFinder } from "./broken_marks.ts";
import { tokenizeBroken } from "./raw_text.ts";

const MARKS = ["</think>", "<|end|>", "<|<|end|>"];

/** Finds marks as a tokenizer does, and counts the characters that each call gives it. */
function countingFinder(): { readonly finder: MarkFinder; readonly lengths: number[] } {
  const lengths: number[] = [];
  const longestFirst = MARKS.toSorted((a, b) => b.length - a.length);
  const finder: MarkFinder = {
    tokenize(text) {
      lengths.push(text.length);
      const tokens: number[] = [];
      for (let at = 0; at < text.length;) {
        const mark = longestFirst.find((mark) => text.startsWith(mark, at));
        tokens.push(mark === undefined ? -1 : MARKS.indexOf(mark));
        at += mark?.length ?? 1;
      }
      return Promise.resolve(tokens);
    },
    markText: (token) => MARKS[token],
    beginnings: /<[/|]/u,
    longest: Math.max(...MARKS.map((mark) => mark.length)),
  };
  return { finder, lengths };
}

const hasMark = (text: string) => MARKS.some((mark) => text.includes(mark));

Deno.test("breakMarks() looks for marks in pieces, and not for those that it knows", async () => {
  const { finder, lengths } = countingFinder();
  const text = "</think> ".repeat(116_000);
  const { value, cut } = (await breakMarks(text, finder))!;
  assert.ok(!hasMark(value));
  assert.equal(value.replaceAll(cut, ""), text);
  // The first piece shows the mark; of the others, only what their end cuts is read.
  assert.ok(lengths[0]! <= 8_192, `${lengths}`);
  assert.ok(lengths.slice(1).every((length) => length <= 2 * MARKS[0]!.length), `${lengths}`);
});

Deno.test("breakMarks() finds a mark wherever a piece ends, and what is left of broken ones", async () => {
  const { finder, lengths } = countingFinder();
  for (let before = 8_192 - 20; before < 8_192 + 20; before++) {
    const text = `${"<|".padEnd(before, "x")}<|<|end|>${"y".repeat(9_000)}</think>`;
    const { value, cut } = (await breakMarks([text], finder))!;
    assert.ok(!value[0]!.split(cut).some(hasMark), `${before}`);
    assert.equal(value[0]!.replaceAll(cut, ""), text);
  }
  // Marks of a piece that are broken make it a little longer.
  assert.ok(lengths.every((length) => length <= 8_192 + 8));
});

Deno.test("breakMarks() finds a free character among many that are used", async () => {
  const { finder } = countingFinder();
  // All from U+E000 to U+F8FD, the next one escaped: the last is free.
  const used = Array.from({ length: 0x18fe }, (_, at) => String.fromCharCode(0xe000 + at)).join("");
  const { cut } = (await breakMarks(`${used}\\uF8FE</think>`, finder))!;
  assert.equal(cut, "\uf8ff");
});

Deno.test("a text with too many marks is refused before its parts are tokenized", async () => {
  const cut = "\ue000";
  const text = `<${cut}/think> `.repeat(5_000);
  let count = 0;
  const tokenize = (text: string) => (count++, Promise.resolve(Array.from(text, () => 1)));
  const refusing = (tokens: number) => {
    if (tokens > 4_096) throw new RangeError(`too long: ${tokens}`);
  };
  const tokenizer = { tokenize, tokenizeNext: tokenize };
  await assert.rejects(tokenizeBroken(text, cut, tokenizer, true, refusing), /too long: 5001/);
  assert.equal(count, 0);
  const short = `a <${cut}b`;
  assert.equal((await tokenizeBroken(short, cut, tokenizer, true, refusing)).length, 4);
});
