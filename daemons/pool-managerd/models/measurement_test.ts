import assert from "node:assert/strict";
import { type Measurement, nearest } from "./measurement.ts";

const measured = (changes: Partial<Measurement>): Measurement => ({
  device_kind: "cuda",
  context: 4096,
  slots: 4,
  gpu_layers: null,
  memory_bytes: 1,
  ...changes,
});

Deno.test("nearest() prefers equal settings to newer ones that differ", () => {
  const list = [measured({ slots: 8, memory_bytes: 8 }), measured({ memory_bytes: 4 })];
  assert.equal(nearest(list, measured({}))?.memory_bytes, 4);
  assert.equal(nearest(list, measured({ context: 512 }))?.memory_bytes, 8);
});

Deno.test("nearest() ignores measurements of another kind of device or with other layers", () => {
  const list = [measured({ device_kind: "cpu" }), measured({ gpu_layers: 10 })];
  assert.equal(nearest(list, measured({})), undefined);
  assert.equal(nearest(list, measured({ gpu_layers: 10, slots: 1 })), list[1]);
});
