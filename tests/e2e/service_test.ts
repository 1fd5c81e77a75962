import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { orchestratorRoutes as routes } from "#shared/contracts/mod.ts";
import { VERSION } from "#shared/version.ts";
import { runExecutable, withService } from "../support/service.ts";
import { CountingJob, ENDLESS_CONTEXT } from "../support/counting_job.ts";
import { slowCounterModel } from "../support/slow_counter.ts";
import { isAlive, numbersOf, range, run, textOf, until, within } from "../support/stack.ts";

const task = { model: "slow-counter", prompt: "w7", max_tokens: 300, temperature: 0 };

Deno.test("every executable prints its version and its help, and names a wrong flag", async () => {
  for (const name of ["llorch", "orchestratord", "pool-managerd", "llorch-candled"] as const) {
    const ran = (...args: string[]) => runExecutable(name, args);
    const version = await ran("--version");
    assert.equal(version.code, 0, version.err);
    assert.ok(version.out.startsWith(`${name} ${VERSION}`), version.out);
    assert.match((await ran("--help")).out, new RegExp(`^Usage: ${name}|^${name}`, "m"));
    const wrong = await ran("--no-such-flag");
    assert.equal(wrong.code, 2, wrong.out);
    assert.match(wrong.err, /no-such-flag/);
  }
});

Deno.test("a service made of executables serves, survives and is restarted", async (t) => {
  await withService(dirname(slowCounterModel()), async (service) => {
    const { client } = service;

    await t.step("a task streams every number, loading its model first", async () => {
      const received = await run(client, task);
      assert.deepEqual(numbersOf(received), range(8, 300));
      assert.equal(received.at(-1)?.event, "end");
    });

    await t.step("llorch submits a job and prints its output", async () => {
      const { code, out, err } = await service.llorch(
        ...["orchestrator", "jobs", "submit", "--model", "slow-counter"],
        ...["--max-tokens", "5", "--temperature", "0", "w7"],
      );
      assert.equal(code, 0, err);
      assert.deepEqual(out.match(/\d+/g)?.map(Number), range(8, 5));
    });

    await t.step("kill -9 of the worker: the stream goes on at the next number", async () => {
      const job = new CountingJob(client, 7);
      await job.saysMore(20);
      Deno.kill((await service.workers())[0]!.pid, "SIGKILL");
      const params = { id: await job.id() };
      await until("another worker has the job", async () => {
        return (await client.call(routes.getTask, { params })).attempts.length === 2;
      });
      await job.saysMore(20);
      await job.end();
      assert.deepEqual(job.numbers, range(8, job.numbers.length));
    });

    await t.step("kill -9 of pool-managerd: its worker streams on and is adopted", async () => {
      const job = new CountingJob(client, 7);
      await job.saysMore(1);
      const { pid } = (await service.workers())[0]!;
      Deno.kill(service.poolManagerd.program.pid, "SIGKILL");
      await service.poolManagerd.program.status;
      await service.restart("poolManagerd");
      await job.saysMore(20);
      const { attempts } = await client.call(routes.getTask, { params: { id: await job.id() } });
      assert.equal(attempts.length, 1);
      await job.end();
      assert.deepEqual(job.numbers, range(8, job.numbers.length));
      await until("the worker is adopted", async () => {
        return (await service.workers()).some((worker) => worker.pid === pid);
      });
    });

    await t.step("the database is backed up while it is in use, as one file", async () => {
      const copies = join(service.dir, "copies");
      await Deno.mkdir(copies);
      const state = `--state-dir=${join(service.dir, "orchestratord")}`;
      const ran = await runExecutable("orchestratord", [
        ...["backup", state, join(copies, "jobs.db")],
      ]);
      assert.equal(ran.code, 0, ran.err);
      assert.match(ran.out, /jobs\.db: [1-9]\d* jobs, \d+ bytes/);
      const entries = await Array.fromAsync(Deno.readDir(copies));
      assert.deepEqual(entries.map(({ name }) => name), ["jobs.db"]);
    });

    await t.step(
      "SIGHUP reads the settings again; a wrong file changes nothing and says why",
      async () => {
        const { orchestratord, dir } = service;
        const file = join(dir, "orchestrator.toml");
        const before = await Deno.readTextFile(file);
        const reload = async (text: string, event: string) => {
          const linesBefore = orchestratord.log.length;
          await Deno.writeTextFile(file, text);
          orchestratord.program.kill("SIGHUP");
          const logged = () =>
            orchestratord.log.slice(linesBefore).find((entry) => entry["event"] === event);
          await until(`it logs ${event}`, () => logged() !== undefined);
          return logged()!;
        };
        const capacity = async () => (await client.call(routes.queue, {})).capacity;
        const taken = await reload(
          `${before}tick_ms = 9\nqueue.capacity = 7\n`,
          "reload_needs_restart",
        );
        assert.deepEqual(taken["kept"], ["tick_ms"]);
        assert.equal(await capacity(), 7);
        const refused = await reload(`${before}queue.capacity = "many"\n`, "reload_failed");
        assert.match(String(refused["reason"]), /orchestrator\.toml:\d+: queue\.capacity/);
        assert.equal(await capacity(), 7);
        await reload(before, "reloaded");
        assert.equal(await capacity(), 100);
      },
    );

    await t.step("accepted jobs survive a SIGTERM to orchestratord and a new start", async () => {
      const ids = [];
      for (const n of range(0, 6)) {
        const body = { ...task, prompt: `w${n * 1000}`, max_tokens: 100, detached: true };
        ids.push((await client.call(routes.submit, { body })).job_id);
      }
      service.orchestratord.program.kill("SIGTERM");
      assert.equal((await within(service.orchestratord.program.status, "it stops")).code, 0);
      await service.restart("orchestratord");
      for (const [n, id] of ids.entries()) {
        const received = await run(client, id);
        assert.deepEqual(numbersOf(received), range(n * 1000 + 1, 100), textOf(received));
      }
    });
  }, { poolManagerd: `worker.default_context = ${ENDLESS_CONTEXT}` });
});

Deno.test("no worker is left after both daemons have stopped", async () => {
  let pid = 0;
  await withService(dirname(slowCounterModel()), async (service) => {
    await run(service.client, { ...task, max_tokens: 3 });
    pid = (await service.workers())[0]!.pid;
    assert.ok(isAlive(pid));
  });
  assert.ok(!isAlive(pid));
});
