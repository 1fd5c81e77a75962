import assert from "node:assert/strict";
import { plainWords } from "./plain_words.ts";

Deno.test("plainWords() replaces Deno's advice for its own users", () => {
  const deno = 'Requires all access to "/proc/x", run again with the --allow-all flag';
  assert.equal(
    plainWords(`Cannot read /proc/x: ${deno}; more`),
    "Cannot read /proc/x: llorch cannot use files below /dev, /proc and /sys; choose another; more",
  );
  assert.equal(plainWords("Cannot read /x"), "Cannot read /x");
});
