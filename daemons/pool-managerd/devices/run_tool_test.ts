import assert from "node:assert/strict";
import { join } from "node:path";
import { until } from "../../../tests/support/stack.ts";
import { createRunTool } from "./run_tool.ts";

const TIMEOUT_MS = 300;

Deno.test("a tool that hangs and ignores signals is given up, killed, and left alone for a while", async () => {
  const dir = await Deno.makeTempDir();
  const tool = join(dir, "hanging-tool");
  const calls = join(dir, "calls");
  // What it starts holds its output open and outlives it.
  const script = `#!/bin/sh\ntrap '' TERM\necho $$ >> ${calls}\n` +
    `case "$1" in hang) sleep 2;; leave) sleep 2 & exit;; esac\necho fine\n`;
  await Deno.writeTextFile(tool, script, { mode: 0o755 });
  try {
    const run = createRunTool(TIMEOUT_MS, 0);
    assert.deepEqual(await run(tool, ["answer"]), { code: 0, output: "fine" });
    for (const how of ["hang", "leave"]) {
      await Deno.writeTextFile(calls, "");
      const began = performance.now();
      await assert.rejects(run(tool, [how]), /did not answer within 300 ms/);
      assert.ok(performance.now() - began < 1_500);
      await assert.rejects(run(tool, ["answer"]), /did not answer within 300 ms/);
      assert.equal((await Deno.readTextFile(calls)).trim().split("\n").length, 1);
      await until(`it is run again once what could ${how} is gone`, async () => {
        const result = await run(tool, ["answer"]).catch(() => undefined);
        return result?.output === "fine";
      });
    }
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("a tool that is not there is none", async () => {
  assert.equal(await createRunTool()("llorch-no-such-tool", []), undefined);
});
