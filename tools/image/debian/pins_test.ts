import assert from "node:assert/strict";
import { pinsFor, readPins } from "./pins.ts";
import { TARGETS } from "../../build/targets.ts";
import { RELEASE, WANTED } from "./wanted.ts";

Deno.test("every wanted package is pinned, by a hash, for every Linux", async () => {
  const pins = await readPins();
  assert.equal(pins.release, RELEASE);
  for (const target of TARGETS.filter(({ os }) => os === "linux")) {
    const found = pinsFor(pins, target);
    assert.deepEqual(found.map(({ name }) => name), WANTED.map(({ name }) => name));
    for (const pin of found) assert.match(pin.sha256, /^[0-9a-f]{64}$/, pin.name);
  }
});
