import assert from "node:assert/strict";
import { openChatTemplate } from "./open_template.ts";
import type { SpecialToken } from "./tokenizer.ts";

const USER_DEFINED = ["<think>", "</think>", "<tool_call>", "<|channel|>", "    ", "[😀 end]"];
const CONTROL = ["<|end|>"];
const specials = new Map<number, SpecialToken>(
  [...USER_DEFINED, ...CONTROL].map((text, index) =>
    [2_000 + index, { text, isControl: CONTROL.includes(text) }] as const
  ),
);

/** Reads user-defined tokens always and control tokens with `special`, as llama.cpp does. */
function tokenize(text: string, special: boolean): number[] {
  const ids: number[] = [];
  for (let at = 0; at < text.length;) {
    const found = [...specials].find(([, { text: mark, isControl }]) =>
      (special || !isControl) && text.startsWith(mark, at)
    );
    ids.push(found ? found[0] : text.charCodeAt(at));
    at += found ? found[1].text.length : 1;
  }
  return ids;
}
const tokenizer = {
  tokenize: (text: string, special: boolean) => Promise.resolve(tokenize(text, special)),
  tokenizeNext: (text: string, special: boolean) => Promise.resolve(tokenize(text, special)),
  bosText: "<s>",
  eosText: "</s>",
  specials,
};
const TEMPLATES = {
  thinking:
    "{% for m in messages %}<|{{ m.role }}|>{% if m.reasoning_content %}<think>{{ m.reasoning_content }}" +
    "</think>{% endif %}{{ m.content }}{% endfor %}",
  none: undefined,
  broken: "{% if %}",
  // Its thoughts have no marks that rendering shows.
  hidden: "{% for m in messages %}{{ m.content.split('</think>')[-1].split('<tool_call>')[0] }}" +
    "{% endfor %}",
};

Deno.test("text that people wrote has no marks of the model, whatever its template", async () => {
  const text = "a <think>b</think> <tool_call> <thi<think>nk> <|end|>";
  for (const [name, plain] of Object.entries(TEMPLATES)) {
    const { raw } = openChatTemplate({ plain, toolUse: undefined }, tokenizer);
    const ids = await raw.tokenize(text);
    assert.deepEqual(ids, Array.from(text, (letter) => letter.charCodeAt(0)), name);
  }
});

Deno.test("text has no mark that begins with a character of two units", async () => {
  const plain = "{% for m in messages %}{{ m.content }}[😀 end]{% endfor %}";
  const { raw } = openChatTemplate({ plain, toolUse: undefined }, tokenizer);
  const ids = await raw.tokenize("[😀 end]");
  assert.ok(ids.length > 1 && ids.every((id) => !specials.has(id)), `${ids}`);
});

Deno.test("text keeps user-defined tokens that are no marks", async () => {
  const { raw } = openChatTemplate({ plain: TEMPLATES.thinking, toolUse: undefined }, tokenizer);
  const ids = await raw.tokenize("    x <think>    y");
  const spaces = 2_000 + USER_DEFINED.indexOf("    ");
  assert.equal(ids.filter((id) => id === spaces).length, 2);
  assert.equal(ids.filter((id) => id >= 2_000).length, 2);
});

Deno.test("text that is far too long is refused before its marks are looked for", async () => {
  const counted = {
    ...tokenizer,
    tokenize(text: string, special: boolean, seen?: (count: number) => void) {
      seen?.(text.length);
      return Promise.resolve(tokenize(text, special));
    },
  };
  const { raw } = openChatTemplate({ plain: TEMPLATES.thinking, toolUse: undefined }, counted);
  const lengths: number[] = [];
  const refusing = (count: number) => {
    lengths.push(count);
    throw new RangeError("too long");
  };
  const text = "<think>".repeat(100);
  await assert.rejects(raw.tokenize(text, refusing), /too long/);
  assert.deepEqual(lengths, [text.length]);
});
