import assert from "node:assert/strict";
import { fakeContext } from "../testing/fake_context.ts";
import { painter } from "./paint.ts";

Deno.test("painter() colours for a terminal", () => {
  const context = fakeContext({ isTerminal: true });
  assert.equal(painter(context.stdout, context)("green", "ok"), "\u001b[32mok\u001b[39m");
});

Deno.test("painter() leaves text alone in a pipe and under NO_COLOR", () => {
  const pipe = fakeContext();
  assert.equal(painter(pipe.stdout, pipe)("green", "ok"), "ok");
  const plain = fakeContext({ isTerminal: true, env: { NO_COLOR: "1" } });
  assert.equal(painter(plain.stdout, plain)("green", "ok"), "ok");
});
