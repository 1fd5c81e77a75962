import assert from "node:assert/strict";
import { standBy } from "./standby.ts";

const NAME = "LLORCH_STANDBY_TEST";

function stream(text: string): ReadableStream<Uint8Array> {
  return new Blob([text]).stream();
}

Deno.test("standBy() continues with the arguments and the environment that it gets", async () => {
  try {
    const orders = { args: ["--model", "/a b.gguf"], env: { [NAME]: "1" } };
    const received = await standBy([], { input: stream(JSON.stringify(orders) + "\n") });
    assert.deepEqual(received, orders.args);
    assert.equal(Deno.env.get(NAME), "1");
  } finally {
    Deno.env.delete(NAME);
  }
});

Deno.test("standBy() ends when its stdin is closed", async () => {
  assert.equal(await standBy([], { input: stream("") }), undefined);
});

Deno.test("standBy() refuses orders that are none in one line", async () => {
  for (const orders of ["garbage\n", '{"args": 1}\n']) {
    // Also while a worker is being prepared.
    for (const args of [[], ["--gpu", "none"]]) {
      await assert.rejects(standBy(args, { input: stream(orders) }), {
        message: "The line of orders is not JSON with args and env",
      });
    }
  }
});
