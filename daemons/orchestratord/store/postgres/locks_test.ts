import assert from "node:assert/strict";
import { lockKey } from "./locks.ts";

Deno.test("locks of two schemas, kinds and numbers never meet, and fit into a bigint", () => {
  const keys = ["a", "b"].flatMap((schema) =>
    [0, 1, 2].flatMap((number) => [
      lockKey(schema, "replica", number),
      lockKey(schema, "leader", number),
    ])
  );
  assert.equal(new Set(keys).size, keys.length);
  for (const key of keys) assert.equal(BigInt.asIntN(64, BigInt(key)), BigInt(key));
  assert.equal(lockKey("a", "replica", 1), lockKey("a", "replica", 1));
});
