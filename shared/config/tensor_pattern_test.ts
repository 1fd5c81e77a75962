import assert from "node:assert/strict";
import { faultOfPattern } from "./tensor_pattern.ts";

Deno.test("faultOfPattern() takes the patterns that people write for tensors", () => {
  const good = [
    String.raw`\.ffn_(up|down|gate|gate_up)_(ch|)exps`,
    String.raw`blk\.(1[0-9]|2[0-5])\.ffn_.*_exps\.weight$`,
    String.raw`^token_embd\.weight$`,
    String.raw`blk\.\d+\.attn_[qkv]\.`,
    "(?:a|b)c?",
    "a{3}b",
  ];
  for (const pattern of good) assert.equal(faultOfPattern(pattern), undefined, pattern);
});

Deno.test("faultOfPattern() refuses what could end or hold up llama.cpp", () => {
  const bad: [string, RegExp][] = [
    ["(a+)+$", /repeats more than one character/],
    ["(a|a)*", /repeats more than one character/],
    ["a**", /repeats more than one character/],
    ["*a", /repeats more than one character/],
    ["a(", /leaves a group open/],
    ["a)", /closes a group that is not open/],
    ["[a", /something else/],
    ["[z-a]", /no regular expression/],
    [String.raw`(a)\1`, /something else/],
    [String.raw`\_`, /something else/],
    ["[a-]", /something else/],
    ["(?=a)", /repeats more than one character|something else/],
    ["a\\", /something else/],
    ["a{2,3}", /something else/],
    ["ä", /something else/],
    ["a*b*c*d*e*", /more than 4/],
    ["a".repeat(257), /longer than 256/],
    ["(".repeat(9), /deeper than 8/],
  ];
  for (const [pattern, fault] of bad) assert.match(faultOfPattern(pattern) ?? "", fault, pattern);
});
