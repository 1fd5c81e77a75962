import assert from "node:assert/strict";
import { dirname } from "node:path";
import { llorch, withHome } from "../support/llorch.ts";
import { counterModel } from "../support/models.ts";
import { isAlive, until } from "../support/stack.ts";

Deno.test("a started pool manager joins its orchestrator; stop ends its workers too", async () => {
  await withHome(async (_home, env) => {
    const pids: number[] = [];
    const run = async (...args: string[]) => {
      const ran = await llorch(args, { env });
      assert.equal(ran.code, 0, ran.err);
      return ran.out;
    };
    const start = async (daemon: string, ...flags: string[]) => {
      const started = JSON.parse(await run(daemon, "start", "--json", "-q", "--", ...flags));
      pids.push(started.pid);
      return started;
    };
    try {
      const orchestrator = await start("orchestrator", "--port", "0");
      const pool = await start(
        "pool-manager",
        "--port=0",
        "--worker-port-base=0",
        `--models-dirs=${dirname(counterModel())}`,
        `--orchestrator-url=${orchestrator.url}`,
      );
      const answer = await run(
        ...["orchestrator", "jobs", "submit", "--url", orchestrator.url, "--quiet"],
        ...["--model", "counter", "--max-tokens", "5", "--temperature", "0", "w7"],
      );
      assert.equal(answer, " w8 w9 w10 w11 w12");
      const status = JSON.parse(
        await run("orchestrator", "status", "--json", "--url", orchestrator.url),
      );
      assert.deepEqual(status.counts, { pools: 1, workers: 1, queued: 0 });
      assert.match(
        await run("pool-manager", "status", "--url", pool.url),
        /^devices +\d+\nmodels +1\nworkers +1$/m,
      );
      const list = await run("worker", "list", "--json", "--url", pool.url);
      const [{ pid: worker }] = JSON.parse(list).workers;
      pids.push(worker);
      assert.ok(isAlive(worker));
      await run("pool-manager", "stop");
      assert.deepEqual(pids.map(isAlive), [true, false, false]);
      await run("orchestrator", "stop");
      assert.ok(!isAlive(orchestrator.pid));
    } finally {
      for (const pid of pids.filter(isAlive)) Deno.kill(pid, "SIGKILL");
      await until("all started processes have ended", () => !pids.some(isAlive));
    }
  });
});

Deno.test("a started pool manager finds the models that models list shows", async () => {
  await withHome(async (_home, env) => {
    const { code, out, err } = await llorch(
      ["pool-manager", "start", "--json", "--", "--port=0", "--worker-port-base=0"],
      { env },
    );
    assert.equal(code, 0, err);
    const { url } = JSON.parse(out);
    try {
      const worker = await llorch(["worker", "start", "cpu", "-m", "demo", "--url", url], { env });
      assert.equal(worker.code, 0, worker.err);
      const none = await llorch(["worker", "start", "cpu", "-m", "demi", "--url", url], { env });
      assert.match(
        none.err,
        /"demi": did you mean demo\?; llorch models list and .* what there is$/m,
      );
    } finally {
      assert.equal((await llorch(["pool-manager", "stop", "-q"], { env })).code, 0);
    }
  });
});

Deno.test("a second pool manager with the same state folder says why it cannot start", async () => {
  await withHome(async (_home, env) => {
    const run = (...args: string[]) => llorch(["pool-manager", ...args], { env });
    const { out } = await run("start", "--json", "--", "--port=0");
    try {
      const second = await run("start", "--", "--port=0");
      assert.equal(second.code, 1);
      assert.match(
        second.err,
        /^pool-managerd: Cannot use the state folder .*: another pool manager/,
      );
    } finally {
      assert.equal((await run("stop", "-q")).code, 0);
    }
    assert.ok(!isAlive(JSON.parse(out).pid));
  });
});
