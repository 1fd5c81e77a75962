import assert from "node:assert/strict";
import type { ChosenLogprob } from "#shared/contracts/mod.ts";
import { toChatLogprobs, toCompletionLogprobs } from "./logprobs.ts";

const given: ChosenLogprob[] = [
  { id: 1, t: "é", logprob: -0.5, top: [{ id: 1, t: "é", logprob: -0.5 }] },
  { id: 2, t: "\ufffd", logprob: -1, top: [{ id: 3, t: "x", logprob: -0.1 }] },
];

Deno.test("toChatLogprobs() gives the bytes of whole characters, and of parts where the worker tells them", () => {
  assert.equal(toChatLogprobs(undefined), null);
  const { content } = toChatLogprobs(given)!;
  assert.deepEqual(content[0], {
    token: "é",
    logprob: -0.5,
    bytes: [0xc3, 0xa9],
    top_logprobs: [{ token: "é", logprob: -0.5, bytes: [0xc3, 0xa9] }],
  });
  assert.equal(content[1]?.bytes, null);
  const parts = [{ id: 2, t: "\ufffd", bytes: [0xc3], logprob: -1, top: [] }];
  assert.deepEqual(toChatLogprobs(parts)?.content[0]?.bytes, [0xc3]);
});

Deno.test("toCompletionLogprobs() gives lists side by side, offsets from the whole text's start", () => {
  assert.equal(toCompletionLogprobs(undefined, 0), null);
  assert.deepEqual(toCompletionLogprobs(given, 7), {
    tokens: ["é", "\ufffd"],
    token_logprobs: [-0.5, -1],
    top_logprobs: [{ "é": -0.5 }, { x: -0.1 }],
    text_offset: [7, 8],
  });
  const entry = (t: string, bytes?: number[]) => ({
    id: 1,
    t,
    ...(bytes ? { bytes } : {}),
    logprob: -1,
  });
  // " ▖a" in three tokens, of which the first two are parts.
  const parts = [
    { ...entry(" \ufffd", [0x20, 0xe2, 0x96]), top: [entry(" x"), entry("\ufffd", [0xe2, 0x96])] },
    { ...entry("\ufffd", [0x96]), top: [] },
    { ...entry("a"), top: [] },
  ];
  assert.deepEqual(toCompletionLogprobs(parts, 3), {
    tokens: ["bytes: \\xe2\\x96", "bytes:\\x96", "a"],
    token_logprobs: [-1, -1, -1],
    top_logprobs: [{ " x": -1, "bytes:\\xe2\\x96": -1 }, {}, {}],
    text_offset: [3, 4, 5],
  });
  const bare = given.map((each) => ({ ...each, top: [] }));
  assert.equal(toCompletionLogprobs(bare, 0)?.top_logprobs, null);
});
