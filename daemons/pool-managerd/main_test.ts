import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { poolRoutes } from "#shared/contracts/pool_routes.ts";
import { LlorchError } from "#shared/errors.ts";
import { fakeOrchestrator } from "./testdata/fake_orchestrator.ts";
import { isAlive, killIfAlive } from "./testdata/processes.ts";
import { type PoolProcess, runPool, startPool } from "./testdata/pool_process.ts";

/** Runs a test with a folder, and with processes that are always ended after the test. */
function withDir(
  test: (dir: string, start: (...args: string[]) => Promise<PoolProcess>) => Promise<void>,
): () => Promise<void> {
  return async () => {
    const dir = await Deno.makeTempDir({ prefix: "pool-main-" });
    const started: PoolProcess[] = [];
    try {
      await test(dir, async (...args) => {
        const pool = await startPool(dir, args);
        started.push(pool);
        return pool;
      });
    } finally {
      for (const pool of started) killIfAlive(pool.pid);
      await Promise.all(started.map((pool) => pool.status));
      await Deno.remove(dir, { recursive: true });
    }
  };
}

Deno.test(
  "a pool manager that was killed finds its worker again when it is restarted",
  withDir(async (_, start) => {
    const first = await start();
    const worker = await first.ready();
    first.kill("SIGKILL");
    await first.status;
    assert.ok(isAlive(worker.pid));
    const second = await start();
    const { workers } = await second.client.call(poolRoutes.state, {});
    assert.deepEqual(workers, [worker]);
    second.kill("SIGTERM");
    assert.equal((await second.status).code, 0);
    assert.ok(!isAlive(worker.pid));
  }),
);

Deno.test(
  "a process that has a lost worker's pid by chance is left alone",
  withDir(async (dir, start) => {
    const first = await start();
    const worker = await first.ready();
    first.kill("SIGKILL");
    await first.status;
    const db = new DatabaseSync(`${dir}/state/pool.db`);
    db.prepare("UPDATE workers SET start_time = '1'").run();
    db.close();
    const second = await start();
    const state = await second.client.call(poolRoutes.state, {});
    assert.deepEqual(state.workers, []);
    assert.equal(state.exits[0]?.worker_id, worker.worker_id);
    assert.ok(isAlive(worker.pid));
    killIfAlive(worker.pid);
  }),
);

for (const [keys, signal] of [["Ctrl-C", "SIGINT"], ["Ctrl-\\", "SIGQUIT"]] as const) {
  Deno.test(
    `${keys} stops the workers and ends with code 0`,
    withDir(async (_, start) => {
      const pool = await start();
      const worker = await pool.ready();
      pool.kill(signal);
      assert.equal((await pool.status).code, 0);
      assert.ok(!isAlive(worker.pid));
    }),
  );
}

Deno.test(
  "a second pool manager with the same folder or port exits with a one-line error",
  withDir(async (dir, start) => {
    const pool = await start();
    const same = await runPool(dir, []);
    assert.equal(same.code, 1);
    assert.match(
      same.stderr,
      /^pool-managerd: Cannot use the state folder .* another pool manager holds it \(process \d+, pool manager .*\n$/,
    );
    const { port } = new URL(pool.client.baseUrl);
    const taken = await runPool(dir, [`--port=${port}`, `--state-dir=${dir}/other`]);
    assert.equal(taken.code, 1);
    assert.match(taken.stderr, /^pool-managerd: Cannot listen on .*: the port is in use.*\n$/);
  }),
);

Deno.test(
  "a pool manager whose id is in use at the orchestrator ends with code 1",
  withDir(async (dir) => {
    const orchestrator = await fakeOrchestrator();
    orchestrator.answers.refuse.register = new LlorchError("CONFLICT", "Cannot register: a twin");
    try {
      const { code } = await runPool(dir, [
        `--orchestrator-url=${orchestrator.url}`,
        "--orchestrator-backoff-ms=10",
        "--orchestrator-twin-patience-ms=50",
      ]);
      assert.equal(code, 1);
    } finally {
      await orchestrator.close();
    }
  }),
);

Deno.test(
  "a folder that cannot be written ends the start with one line and code 1",
  withDir(async (dir) => {
    await Deno.writeTextFile(`${dir}/file`, "");
    const { code, stderr } = await runPool(dir, [`--state-dir=${dir}/file/state`]);
    assert.equal(code, 1);
    assert.match(stderr, /^pool-managerd: Cannot write the state folder .*\n$/);
  }),
);

Deno.test(
  "listening on all addresses needs a token",
  withDir(async (dir) => {
    const { code, stderr } = await runPool(dir, ["--host=0.0.0.0"]);
    assert.equal(code, 2);
    assert.match(stderr, /without a token: set LLORCH_API_TOKEN or token_file/);
  }),
);
