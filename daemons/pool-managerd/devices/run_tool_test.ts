import assert from "node:assert/strict";
import { join } from "node:path";
import { until } from "../../../tests/support/stack.ts";
import { createRunTool } from "./run_tool.ts";

/** Time of a tool that hangs: long enough for it to get there on a busy machine. */
const TIMEOUT_MS = 3_000;

Deno.test("a tool that hangs and ignores signals is given up, killed, and not run again for a while", async () => {
  const dir = await Deno.makeTempDir();
  const tool = join(dir, "hanging-tool");
  const calls = join(dir, "calls");
  const hold = join(dir, "hold");
  // Its child keeps its output open and outlives it, until the test removes the file.
  const holds = `sh -c 'while [ -e ${hold} ]; do sleep 0.05; done'`;
  const script = `#!/bin/sh\ntrap '' TERM\necho $$ >> ${calls}\n` +
    `case "$1" in hang) ${holds};; leave) ${holds} & exit;; esac\necho fine\n`;
  await Deno.writeTextFile(tool, script, { mode: 0o755 });
  try {
    const run = createRunTool(TIMEOUT_MS, 0);
    const patient = createRunTool(60_000, 0);
    assert.deepEqual(await patient(tool, ["answer"]), { code: 0, output: "fine" });
    for (const how of ["hang", "leave"]) {
      await Deno.writeTextFile(calls, "");
      await Deno.writeTextFile(hold, "");
      await assert.rejects(run(tool, [how]), /did not answer within 3000 ms/);
      await assert.rejects(run(tool, ["answer"]), /did not answer within 3000 ms/);
      assert.equal((await Deno.readTextFile(calls)).trim().split("\n").length, 1);
      await Deno.remove(hold);
      await until(`it is run again once the process that could ${how} has ended`, async () => {
        const result = await run(tool, ["answer"]).catch(() => undefined);
        return result?.output === "fine";
      });
    }
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("the result of a missing tool is undefined", async () => {
  assert.equal(await createRunTool()("llorch-no-such-tool", []), undefined);
});
