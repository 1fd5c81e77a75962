import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { llorch, withHome } from "../support/llorch.ts";
import { counterModel } from "../support/models.ts";
import { isAlive, ROOT, startProgram, until, within, withStack } from "../support/stack.ts";

const models = dirname(counterModel());

/** Events that a worker logs until it serves. */
const LIFE = ["listening", "loaded", "ready"];

/** A URL where nothing listens. */
function deadUrl(): string {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  listener.close();
  return `http://127.0.0.1:${port}`;
}

Deno.test("workers come and go through the pool manager", async (t) => {
  await withStack({ models, model: "counter" }, (stack) =>
    withHome(async (_home, own) => {
      const env = { ...own, LLORCH_POOL_URL: stack.poolUrl };
      const run = (...args: string[]) => llorch(["worker", ...args], { env });
      let id = "";

      await t.step("start waits until the worker is ready and prints its address", async () => {
        const args = ["cpu", "--model", "counter", "--slots", "2", "--context", "512"];
        const started = await run("start", ...args);
        assert.equal(started.code, 0, started.err);
        const [, worker, uri] = /^(\S+) {2}(http:\/\/127\.0\.0\.1:\d+)\n$/.exec(started.out) ?? [];
        assert.match(started.err, /^counter is ready on cpu after .*: 2 slots of 512 tokens\n/);
        assert.match(started.err, /In production the pool manager runs the workers/);
        const { status } = await (await fetch(`${uri}/health`)).json();
        assert.equal(status, "ok");
        id = worker!;
      });

      await t.step("list shows the worker and never its token", async () => {
        const { out } = await run("list");
        assert.match(out, new RegExp(`^${id} +counter +cpu +ready +0/2 +512 `, "m"));
        const { workers } = JSON.parse((await run("list", "--json")).out);
        assert.equal(workers.length, 2);
        assert.ok(workers.every((worker: object) => !("token" in worker)));
      });

      await t.step(
        "logs prints the worker's log; --follow prints each line once until the worker ends",
        async () => {
          const { out } = await run("logs", id);
          assert.deepEqual(lifeIn(out.trim().split("\n")), LIFE);
          const follower = startProgram("cli/main.ts", "llorch", ["worker", "logs", id, "-f"], env);
          const lines: string[] = [];
          const read = async () => {
            const { value, done } = await within(follower.lines.next(), "a line of the log");
            if (done !== true) lines.push(value);
            return done !== true;
          };
          await read();
          const stopped = await run("stop", id);
          assert.deepEqual([stopped.code, stopped.err], [0, `Stopped worker ${id}\n`]);
          while (await read());
          assert.equal((await follower.status).code, 0);
          assert.match(follower.stderr(), new RegExp(`^Worker ${id} has ended`));
          assert.deepEqual(lifeIn(lines), LIFE);
          assert.equal(new Set(lines).size, lines.length);
        },
      );

      await t.step("errors name what is missing, and what exists", async () => {
        const cases: [string[], number, RegExp][] = [
          [["start", "cpu", "-m", "conter"], 1, /model "conter": did you mean counter\?/],
          [["start", "cuda", "-m", "counter", "--gpu", "7"], 1, /device cuda7: there are cpu/],
          [["start", "cpuu", "-m", "counter"], 2, /Unknown device kind "cpuu": did you mean cpu\?/],
          [["start", "cpu", "--gpu", "0", "-m", "counter"], 2, /--gpu makes no sense for cpu/],
          [["start", "cpu", "-m", "counter", "--slots", "x"], 2, /--slots must be a number: .*"x"/],
          [["start", "cpu"], 2, /--model is required/],
          [["stop", id], 1, /Cannot find worker .*; llorch worker list shows them$/m],
          [["logs", "w-none"], 1, /Cannot find worker "w-none".*; llorch worker list shows them$/m],
          [["logs", ""], 2, /The id of the worker is empty; llorch worker list shows/],
          [
            ["start", "cpu", "-m", "counter", "--context", "10000000", "--slots", "256"],
            1,
            /Cannot load .* on cpu: it needs \d+ bytes/,
          ],
        ];
        for (const [args, code, message] of cases) {
          const ran = await run(...args);
          assert.equal(ran.code, code, ran.err);
          assert.match(ran.err, message);
          assert.equal(ran.out, "");
        }
      });
    }));
});

/** Those events of a worker's log that are in {@linkcode LIFE}; a busy machine adds warnings. */
function lifeIn(lines: readonly string[]): string[] {
  return lines.map((line) => JSON.parse(line).event).filter((event) => LIFE.includes(event));
}

Deno.test("without a pool manager list says so", async () => {
  await withHome(async (_home, env) => {
    const url = deadUrl();
    const { code, err } = await llorch(["worker", "list"], {
      env: { ...env, LLORCH_POOL_URL: url },
    });
    assert.equal(code, 1);
    assert.match(err, new RegExp(`^llorch: pool-managerd does not answer at ${url}: Connection`));
    assert.match(err, /start it with llorch pool-manager start/);
  });
});

for (
  const [event, signal] of [["Ctrl-C", "SIGINT"], ["Ctrl-\\", "SIGQUIT"], [
    "its end",
    "SIGKILL",
  ]] as const
) {
  Deno.test(`without a pool manager start runs a worker in the foreground until ${event}`, () =>
    withHome(async (_home, own) => {
      const env = {
        ...own,
        LLORCH_POOL_URL: deadUrl(),
        LLORCH_MODELS_DIR: models,
        LLORCH_PORT: "0",
      };
      const args = ["worker", "start", "cpu", "-m", "counter"];
      const program = startProgram("cli/main.ts", "llorch", args, env);
      try {
        let worker = { pid: 0, url: "" };
        for (let event = ""; event !== "loaded";) {
          const line = JSON.parse(
            (await within(program.lines.next(), "the model is loaded")).value,
          );
          event = line.event;
          if (event === "listening") worker = line;
        }
        assert.equal((await (await fetch(`${worker.url}/health`)).json()).state, "ready");
        program.kill(signal);
        const { code } = await program.status;
        if (signal !== "SIGKILL") assert.equal(code, 0);
        else await until("the worker has ended", () => !isAlive(worker.pid));
        assert.ok(!isAlive(worker.pid));
        assert.match(
          program.stderr(),
          /^No pool manager answers at .*: this worker runs until Ctrl-C\n/,
        );
      } finally {
        program.kill("SIGINT");
        await program.status;
        await program.lines.return(undefined);
      }
    }));
}

Deno.test("the exit code of a worker in the foreground is passed on, however the worker ends", async () => {
  await withHome(async (home, own) => {
    const env = { ...own, LLORCH_POOL_URL: deadUrl(), LLORCH_BIN_DIR: home };
    const script = '#!/bin/sh\necho "$@"\nexit 41\n';
    await Deno.writeTextFile(join(home, "llorch-candled-cuda"), script, { mode: 0o755 });
    const args = ["worker", "start", "cuda", "--gpu", "1", "-m", "x.gguf", "--slots", "3"];
    const { code, out } = await llorch(args, { env, cwd: home });
    assert.equal(code, 41);
    assert.equal(out, `--standalone --model=${join(home, "x.gguf")} --gpu=1 --slots=3\n`);

    // A build without a GPU backend must refuse, not compute on the CPU.
    const first = await llorch(["worker", "start", "cuda", "-m", "demo"], { env, cwd: home });
    assert.equal(
      first.out,
      `--standalone --model=${join(ROOT, "catalog/demo/demo.gguf")} --gpu=0\n`,
    );
    const missing = await llorch(["worker", "start", "cuda", "-m", "tinyllama"], { env });
    assert.match(
      missing.err,
      /model "tinyllama": .*; llorch models download tinyllama fetches it$/m,
    );

    const pidFile = join(home, "pid");
    const patient = `#!/bin/sh\ntrap 'exit 7' INT\necho $$ >'${pidFile}.new'
mv '${pidFile}.new' '${pidFile}'\nwhile :; do sleep 0.05; done\n`;
    await Deno.writeTextFile(join(home, "llorch-candled"), patient, { mode: 0o755 });
    const cpu = ["worker", "start", "cpu", "-m", join(home, "x.gguf"), "-q"];
    const program = startProgram("cli/main.ts", "llorch", cpu, env);
    let pid = 0;
    await until("it runs", async () => {
      pid = Number(await Deno.readTextFile(pidFile).catch(() => "0"));
      return pid > 0;
    });
    program.kill("SIGTERM");
    assert.equal((await program.status).code, 7);
    await program.lines.return(undefined);
    assert.ok(!isAlive(pid));
  });
});
