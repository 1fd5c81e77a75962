import assert from "node:assert/strict";
import { z } from "zod";
import { configKeys, envName, flagName } from "./schema.ts";

Deno.test("configKeys() lists keys in order, also below defaults and optionals", () => {
  const keys = configKeys(z.strictObject({
    level: z.enum(["a", "b"]).default("a").describe("Level"),
    queue: z.strictObject({
      size_bytes: z.number().describe("Size").optional(),
      names: z.array(z.string()).default(["x"]),
    }).prefault({}),
    url: z.url().optional(),
  }));
  assert.deepEqual(
    keys.map(({ path, kind, defaultValue }) => [path.join("."), kind, defaultValue]),
    [
      ["level", "string", "a"],
      ["queue.size_bytes", "number", undefined],
      ["queue.names", "list", ["x"]],
      ["url", "string", undefined],
    ],
  );
  assert.deepEqual(keys.slice(0, 2).map((key) => key.description), ["Level", "Size"]);
  assert.deepEqual(keys.slice(1, 2).map(flagName), ["queue-size-bytes"]);
  assert.deepEqual(keys.slice(1, 2).map(envName), ["LLORCH_QUEUE_SIZE_BYTES"]);
});

Deno.test("configKeys() leaves out tables of named entries, and refuses types that no flag can express", () => {
  const table = z.record(z.string(), z.strictObject({ size: z.number() })).default({});
  assert.deepEqual(configKeys(z.strictObject({ things: table })), []);
  assert.throws(
    () => configKeys(z.strictObject({ limits: z.union([z.string(), z.array(z.string())]) })),
    /Cannot set "limits" from a flag: its type is union/,
  );
});
