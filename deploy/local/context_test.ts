import assert from "node:assert/strict";
import { describeContext } from "./context.ts";

const load = { slots: 4, memory_bytes: 2.5 * 2 ** 30, device: "cpu" };

Deno.test("the chosen context is described in one line, with the reason", () => {
  assert.equal(
    describeContext({ ...load, context: 20_000, own: 20_000 }),
    "context         20000 tokens for each of 4 slots, the model's own: 2.5 GiB of cpu; " +
      "--context sets another",
  );
  assert.match(
    describeContext({ ...load, context: 32_768, own: 131_072 }),
    /32768 tokens for each of 4 slots, the model could do more: .*sets another$/,
  );
  assert.match(describeContext({ ...load, context: 4096, own: 0 }), /4096 .*, the default: /);
});

Deno.test("a context too short for agents is described with what helps", () => {
  assert.match(
    describeContext({ ...load, context: 8192, own: 131_072 }),
    /, what fits into memory: .*; agents need 16000: fewer --slots leave more for each$/,
  );
  assert.match(
    describeContext({ ...load, slots: 1, context: 8192, own: 131_072 }),
    /8192 tokens, what fits into memory: .*; agents need 16000$/,
  );
  assert.match(
    describeContext({ ...load, context: 512, own: 512 }),
    /, the model's own: .*; agents need 16000$/,
  );
});
