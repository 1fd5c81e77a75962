import assert from "node:assert/strict";
import { passingWaits } from "./test_wait_rules.ts";

Deno.test("passingWaits() finds waits for a state that may be over before the first look", () => {
  const source = [
    `await until("it runs", async () => (await workers())[0]?.active === 1);`,
    `await until(`,
    `  "a worker is busy",`,
    `  async () => (await workers()).some(({ active }) => active > 0),`,
    `);`,
    `await until("it waits", async () => (await view()).status === "queued");`,
    `await until("it loads", () => workers[0].state === "loading");`,
  ].join("\n");
  assert.deepEqual(passingWaits(source).map(({ line }) => line), [1, 2, 6, 7]);
});

Deno.test("passingWaits() lets facts that stay alone", () => {
  const source = [
    `await until("it is idle", async () => (await workers())[0]?.active === 0);`,
    `await until("it was called", () => worker.executions.length === 2);`,
    `await until("it is cancelled", async () => (await view()).status === "cancelled");`,
    `assert.equal(worker.active === 1, true);`,
  ].join("\n");
  assert.deepEqual(passingWaits(source), []);
});
