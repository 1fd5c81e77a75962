import assert from "node:assert/strict";
import { isRunning, runs, untilGone } from "./process.ts";

Deno.test("runs() recognises an executable, built or from source", () => {
  assert.ok(runs("/usr/bin/orchestratord --port 0", "orchestratord"));
  assert.ok(runs("deno run /src/daemons/orchestratord/main.ts", "orchestratord"));
  // The command line of a portable executable's launcher.
  const unpacked = "/home/ada/.cache/llorch/runtime/pool-managerd-0.1.0-x86_64-unknown-linux-gnu-5";
  const portable = `/rt/deno-2.9.6-1/deno run --quiet --no-prompt --config=${unpacked}/deno.json ` +
    `-P=pool-managerd ${unpacked}/main.js --port 19200`;
  assert.ok(runs(portable, "pool-managerd"));
  assert.ok(!runs(portable, "orchestratord"));
  assert.ok(!runs("/usr/bin/llorch orchestrator start", "orchestratord"));
  assert.ok(!runs("tail -f orchestratord-1.log", "orchestratord"));
});

Deno.test("isRunning() asks the system, also about a process that has ended", async () => {
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
