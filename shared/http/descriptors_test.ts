import assert from "node:assert/strict";
import { connectionBound, descriptorsNeeded, freeDescriptors } from "./descriptors.ts";

Deno.test("connectionBound() keeps a reserve and a second descriptor for each connection", () => {
  assert.equal(connectionBound(4096, descriptorsNeeded(4096)), 4096);
  assert.equal(connectionBound(4096, 1000), 468);
  assert.equal(connectionBound(100, 1000), 100);
  assert.equal(connectionBound(4096, 200), 75);
  assert.equal(connectionBound(4096, 3), 1);
  assert.equal(connectionBound(4096, 0), 1);
});

function limited(limit: number, code = "EMFILE") {
  let open = 0;
  let most = 0;
  return {
    open() {
      if (open === limit) throw Object.assign(new Error("no more"), { code });
      most = Math.max(most, ++open);
      return { [Symbol.dispose]: () => void open-- };
    },
    figures: () => ({ open, most }),
  };
}

const ignore = Deno.build.os === "windows";

Deno.test({
  name: "freeDescriptors() counts up to the limit, never more than requested, and closes all",
  ignore,
  fn() {
    const few = limited(30);
    assert.equal(freeDescriptors(100, few.open), 30);
    assert.deepEqual(few.figures(), { open: 0, most: 30 });
    const many = limited(1000);
    assert.equal(freeDescriptors(100, many.open), 100);
    assert.deepEqual(many.figures(), { open: 0, most: 100 });
  },
});

Deno.test("freeDescriptors() ignores errors that are not about the limit", () => {
  assert.equal(freeDescriptors(100, limited(3, "ENOENT").open), 100);
});
