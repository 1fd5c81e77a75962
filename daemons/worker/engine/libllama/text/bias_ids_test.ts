import assert from "node:assert/strict";
import { biasIds } from "./bias_ids.ts";

Deno.test("biasIds() gives each token of a text its bias, and ids go first", async () => {
  const tokenize = (text: string) => Promise.resolve([...text].map((each) => each.charCodeAt(0)));
  assert.deepEqual(await biasIds({ "7": 1 }, tokenize), { "7": 1 });
  assert.deepEqual(await biasIds({ ab: -100, "97": 2, b: 3 }, tokenize), { "97": 2, "98": 3 });
});
