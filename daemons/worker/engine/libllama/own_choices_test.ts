import assert from "node:assert/strict";
import { writeSlidingWindowModel } from "../../../../tests/support/arch_models.ts";
import { withModel } from "../../testing/states.ts";

Deno.test("a cache that holds more than the window, which we choose where it is no larger, is no warning", async () => {
  for (const context of [64, 128]) {
    const warnings: string[] = [];
    const onWarning = (message: string) => void warnings.push(message);
    await withModel(writeSlidingWindowModel, { context, onWarning }, async () => {});
    assert.deepEqual(warnings, []);
  }
});
