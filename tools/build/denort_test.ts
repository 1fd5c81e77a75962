import assert from "node:assert/strict";
import { findDenort } from "./denort.ts";
import { TARGETS } from "./targets.ts";

Deno.test("findDenort() takes what DENORT_BIN names, and says so when it is no file", async () => {
  const own = Deno.execPath();
  const found = await findDenort(TARGETS[0]!, () => own);
  assert.deepEqual(found, { kind: "found", env: { DENORT_BIN: own }, from: own });
  const missing = await findDenort(TARGETS[0]!, () => "/no/denort");
  assert.equal(missing.kind, "missing");
  assert.match(
    missing.kind === "missing" ? missing.reason : "",
    /^DENORT_BIN names \/no\/denort, which is no file: set DENORT_BIN to denort [\d.]+, or use --runtime=portable$/,
  );
});
