import assert from "node:assert/strict";
import { isRunning, runs, untilGone } from "./process.ts";

Deno.test("runs() knows an executable, built or from its source", () => {
  assert.ok(runs("/usr/bin/orchestratord --port 0", "orchestratord"));
  assert.ok(runs("deno run /src/daemons/orchestratord/main.ts", "orchestratord"));
  assert.ok(!runs("/usr/bin/llorch orchestrator start", "orchestratord"));
  assert.ok(!runs("tail -f orchestratord-1.log", "orchestratord"));
});

Deno.test("isRunning() asks the system, which also knows when it is gone", async () => {
  const child = new Deno.Command("sleep", { args: ["1000"] }).spawn();
  try {
    assert.ok(await isRunning(child.pid, "sleep"));
    assert.ok(!await isRunning(child.pid, "orchestratord"));
  } finally {
    child.kill("SIGKILL");
    await child.status;
  }
  assert.ok(await untilGone(child.pid, "sleep", 1000));
});
