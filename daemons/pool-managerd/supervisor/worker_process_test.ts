import assert from "node:assert/strict";
import { join } from "node:path";
import { systemClock } from "#shared/clock.ts";
import { LlorchError } from "#shared/errors.ts";
import { systemProcessTable } from "./process_table.ts";
import { processSpawner } from "./worker_process.ts";

const spawner = processSpawner(systemProcessTable(), systemClock);

async function using(work: (log: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await work(join(folder, "worker.log"));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test({
  name: "a worker and a prepared one begin with a large stack, and are the process that is watched",
  ignore: Deno.build.os !== "linux",
  fn: () =>
    using(async (log) => {
      const args = ["-c", "echo $$; ulimit -S -s; exit 3"];
      const shell = { command: "/bin/sh", args };
      for (const start of ["spawn", "prepare"] as const) {
        await Deno.writeTextFile(log, "");
        const started = spawner[start](shell, {}, log);
        const worker = "process" in started ? started.process : started;
        assert.deepEqual(await worker.exited, { exit_code: 3, signal: null });
        const [pid, stack] = (await Deno.readTextFile(log)).split("\n");
        assert.equal(pid, String(worker.pid));
        assert.ok(stack === "unlimited" || Number(stack) >= 65_520, stack);
      }
    }),
});

Deno.test("a program that is missing or not executable is reported at once", () =>
  using(async (log) => {
    await Deno.writeTextFile(log, "no program", { mode: 0o600 });
    for (const command of ["/no/such/llorch-candled", log]) {
      assert.throws(
        () => spawner.spawn({ command, args: [] }, {}, log),
        (error) =>
          error instanceof LlorchError && error.code === "WORKER_START_FAILED" &&
          error.message.includes(`${command}: it is missing or may not be executed`),
      );
    }
  }));
