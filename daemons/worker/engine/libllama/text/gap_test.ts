import assert from "node:assert/strict";
import { fieldIs } from "../../../testing/llama.ts";
import { findGapTokens, gapPrompt, type GapTokens } from "./gap.ts";

const marks: GapTokens = { prefix: 1, suffix: 2, middle: 3, repository: 4, file: 5 };
/** Tokens are characters. */
const tokenize = (text: string) =>
  Promise.resolve(Array.from(text, (character) => character.charCodeAt(0)));
const context = { marks, tokenize, most: 100 };
const codes = (text: string) => Array.from(text, (character) => character.charCodeAt(0));

Deno.test("gapPrompt() marks the prefix, the suffix and the gap, in this order", async () => {
  const gap = { prefix: "ab", suffix: "c", room: 10 };
  assert.deepEqual(await gapPrompt(gap, context), [1, ...codes("ab"), 2, ...codes("c"), 3]);
  assert.deepEqual(await gapPrompt({ ...gap, prefix: "", suffix: "" }, context), [1, 2, 3]);
});

Deno.test("gapPrompt() shows the project and its files before, as far as they fit", async () => {
  const gap = { prefix: "a", suffix: "", room: 10, files: [{ filename: "f", text: "xyz" }] };
  const whole = [
    ...[4, ...codes("myproject\n"), 5, ...codes("f\nxyz"), 5, ...codes("filename\n")],
    ...[1, ...codes("a"), 2, 3],
  ];
  assert.deepEqual(await gapPrompt(gap, context), whole);
  for (const most of [14, 15, 30, 38]) {
    const cut = await gapPrompt(gap, { ...context, most });
    assert.deepEqual(cut, whole.slice(-Math.max(4, most - 10)));
  }
  const none = await gapPrompt({ ...gap, files: [] }, context);
  assert.deepEqual(none.slice(0, 2), [4, ...codes("m")]);
});

Deno.test("gapPrompt() reads no files that do not fit, and only the end of a long one", async () => {
  const read: number[] = [];
  const counted = (text: string) => {
    read.push(text.length);
    return tokenize(text);
  };
  const files = Array.from({ length: 50 }, () => ({ filename: "f", text: "x".repeat(10_000) }));
  const gap = { prefix: "", suffix: "", room: 10, files };
  const tokens = await gapPrompt(gap, { ...context, tokenize: counted });
  assert.equal(tokens.length, 90);
  assert.ok(Math.max(...read) <= 1_600 && read.length < 10, `${read}`);
});

Deno.test("gapPrompt() separates files in words where the model has no mark for them", async () => {
  const files = [{ filename: "f", text: "x" }];
  const plain = { ...context, marks: { ...marks, repository: undefined, file: undefined } };
  assert.deepEqual(await gapPrompt({ prefix: "", suffix: "", room: 1, files }, plain), [
    ...codes("\n\n--- snippet ---\n\nx"),
    ...[1, 2, 3],
  ]);
});

Deno.test("gapPrompt() names the marks that a model lacks", async () => {
  const lacking = { ...context, marks: { ...marks, suffix: undefined, middle: undefined } };
  const refused = gapPrompt({ prefix: "a", suffix: "b", room: 1 }, lacking);
  await assert.rejects(refused, fieldIs("suffix"));
  await assert.rejects(refused, /no token for suffix, middle/);
});

Deno.test("findGapTokens() takes the ids in the metadata, or else the usual texts", () => {
  const tokens = ["<fim_prefix>", "a", "<fim_suffix>", "<fim_middle>", "<|file_sep|>"];
  assert.deepEqual(findGapTokens({ tokens }), {
    ...{ prefix: 0, suffix: 2, middle: 3 },
    ...{ repository: undefined, file: 4 },
  });
  const named = findGapTokens({ tokens, fim_pre_token_id: 1, suffix_token_id: 0 });
  assert.deepEqual([named.prefix, named.suffix, named.middle], [1, 0, 3]);
  assert.deepEqual(Object.values(findGapTokens({})), Array(5).fill(undefined));
});
