import assert from "node:assert/strict";
import { Lease } from "./lease.ts";

Deno.test("a lease is relied on from the beginning of its last renewal, and less long than it lasts", () => {
  const lease = new Lease(3000, 500);
  assert.equal(lease.leftMs(0), 0);
  lease.renewed(1000);
  assert.equal(lease.leftMs(1200), 2300);
  // An earlier renewal that came back late changes nothing.
  lease.renewed(400);
  assert.equal(lease.leftMs(1200), 2300);
  assert.equal(lease.leftMs(3500), 0);
  lease.renewed(3400);
  assert.equal(lease.leftMs(3500), 2400);
  lease.lost();
  assert.equal(lease.leftMs(3500), 0);
});
