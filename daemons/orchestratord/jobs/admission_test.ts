import assert from "node:assert/strict";
import { taskRequest } from "#shared/contracts/mod.ts";
import { checkPromptFits } from "./admission.ts";
import { FakeWorker } from "../testing/fake_worker.ts";
import { A, pool, Run, worker } from "../testing/scheduler.ts";

const how = { timeoutMs: 5_000, http: undefined };
const task = taskRequest.parse({ model: "a", prompt: "w ".repeat(60) });

Deno.test("a prompt is a suspect from the start if its worker is lost while it counts the tokens", async () => {
  const counting = await FakeWorker.open();
  const run = new Run();
  run.at(0, pool([worker("w1", A, { uri: counting.url, token: counting.token })]));
  const check = (tokensAtMost: number) => checkPromptFits(task, tokensAtMost, A, run.state, how);
  try {
    assert.equal(await check(120), false, "it has counted");
  } finally {
    await counting.close();
  }
  assert.equal(await check(120), true);
  assert.equal(await check(99), false, "a short prompt needs no counting");
});
