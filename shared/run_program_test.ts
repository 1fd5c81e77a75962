import assert from "node:assert/strict";
import { runInForeground, runProgram } from "./run_program.ts";

const sh = (script: string) => ({ command: "sh", args: ["-c", script] });

Deno.test("runProgram() returns code and output, and adds to the environment", async () => {
  const { PATH } = Deno.env.toObject();
  assert.deepEqual(
    await runProgram(sh('cat; echo "$PATH $ADDED"; echo bad >&2; exit 3'), {
      env: { ADDED: "more" },
    }),
    { code: 3, stdout: `${PATH} more\n`, stderr: "bad\n" },
  );
});

Deno.test("runProgram() ends a program whose signal aborts", async () => {
  const { code } = await runProgram(sh("exec sleep 1000"), { signal: AbortSignal.timeout(50) });
  assert.equal(code, 128 + 15);
});

Deno.test("a program that does not exist is an error of its own", async () => {
  const missing = { command: "./no-such-program", args: [] };
  await assert.rejects(runProgram(missing), Deno.errors.NotFound);
  await assert.rejects(runInForeground(missing), Deno.errors.NotFound);
});

Deno.test("runInForeground() returns the exit code, passes signals on, and stops after the end", async () => {
  let stopped = 0;
  const code = await runInForeground(sh("exec sleep 1000"), {}, (send) => {
    send("SIGINT");
    return () => stopped++;
  });
  assert.deepEqual([code, stopped], [128 + 2, 1]);
  assert.equal(await runInForeground(sh("exit 7")), 7);
});
