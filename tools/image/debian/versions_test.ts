import assert from "node:assert/strict";
import { newer } from "./versions.ts";

Deno.test("newer() orders versions as dpkg does", () => {
  const ascending = [
    "0.9~rc1-1",
    "0.9-1",
    "0.9-1+b1",
    "0.9-1.1",
    "0.10-1",
    "1.0~~-1",
    "1.0~-1",
    "1.0-1",
    "1.0a-1",
    "1.0+deb13u2-1",
    "1.0+deb13u10-1",
    "1:0.1-1",
  ];
  for (let at = 1; at < ascending.length; at++) {
    const [less, more] = [ascending[at - 1]!, ascending[at]!];
    assert.ok(newer(more, less), `${more} > ${less}`);
    assert.ok(!newer(less, more), `${less} < ${more}`);
  }
  assert.ok(!newer("1.0-1", "1.0-1"));
});
