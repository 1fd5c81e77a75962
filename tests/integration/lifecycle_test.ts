import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { orchestratorRoutes } from "#shared/contracts/mod.ts";
import { ENDLESS_CONTEXT } from "../support/counting_job.ts";
import { commandOnTerminal, hasTerminal } from "../support/terminal.ts";
import { counterModel, writeCounterModel } from "../support/models.ts";
import { slowCounterModel } from "../support/slow_counter.ts";
import {
  isAlive,
  numbersOf,
  type Program,
  range,
  ROOT,
  run,
  startProgram,
  until,
  withStack,
} from "../support/stack.ts";

const models = dirname(counterModel());
const task = { model: "counter", prompt: "w7", max_tokens: 20, temperature: 0 };

// SIGALRM and SIGKILL end `up` before it can react: its daemons notice that it has gone.
for (
  const signal of ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGALRM", "SIGKILL"] as const
) {
  const isDeaf = signal === "SIGALRM" || signal === "SIGKILL";
  Deno.test(`${signal} to up alone ends everything, workers included`, async () => {
    await withStack({ models, model: "counter" }, async (stack) => {
      const workers = (await stack.workers()).map((worker) => worker.pid);
      const pids = [stack.pids.orchestratord, stack.pids["pool-managerd"], ...workers];
      assert.ok(workers.length === 1 && pids.every(isAlive));
      stack.program.kill(signal);
      const { code } = await stack.program.status;
      assert.equal(code === 0, !isDeaf);
      if (isDeaf) await until("its daemons are gone", () => !pids.some(isAlive));
      assert.deepEqual(pids.filter(isAlive), []);
    });
  });
}

Deno.test("two stacks run side by side, and one twice in a row on the same state", async () => {
  const stateDir = await Deno.makeTempDir();
  try {
    await withStack({ models, model: "counter", stateDir }, async (first) => {
      await withStack({ models, model: "counter" }, async (second) => {
        assert.notEqual(first.url, second.url);
        const all = await Promise.all([run(first.client, task), run(second.client, task)]);
        for (const received of all) assert.deepEqual(numbersOf(received), range(8, 20));
      });
    });
    await withStack({ models, model: "counter", stateDir }, async ({ client }) => {
      assert.deepEqual(numbersOf(await run(client, task)), range(8, 20));
    });
  } finally {
    await Deno.remove(stateDir, { recursive: true });
  }
});

Deno.test("up ends everything when one of its daemons dies", async () => {
  await withStack({ models, model: "counter" }, async (stack) => {
    const [worker] = await stack.workers();
    Deno.kill(stack.pids.orchestratord, "SIGKILL");
    assert.equal((await stack.program.status).code, 1);
    assert.match(stack.program.stderr(), /orchestratord ended by itself/);
    assert.deepEqual([stack.pids["pool-managerd"], worker!.pid].filter(isAlive), []);
  });
});

for (
  const [event, gesture] of [
    ["a terminal that closes", { hangsUp: true }],
    ["Ctrl-\\ in its terminal", { keys: "\x1c" }],
  ] as const
) {
  Deno.test({
    name: `${event} ends up and everything that it started`,
    ignore: !hasTerminal,
    async fn() {
      const { text } = await commandOnTerminal(
        [
          ...[Deno.execPath(), "task", "--quiet", "up", "--json"],
          ...["--port=0", "--pool-port=0", "--worker-port-base=0"],
          ...[`--models-dir=${models}`, "--model=counter"],
        ],
        { when: '"event":"ready"', ...gesture },
        {},
        ROOT,
      );
      const pids = [...text.matchAll(/pid[":=]+(\d+)/g)].map(([, pid]) => Number(pid));
      // orchestratord, pool-managerd and the worker each logged their process id.
      assert.ok(pids.length >= 3, text);
      await until("all processes are gone", () => !pids.some(isAlive));
    },
  });
}

Deno.test("the error about a state folder in use names the process that holds it", async () => {
  const stateDir = await Deno.makeTempDir();
  try {
    await withStack({ models, model: "counter", stateDir }, async ({ pids }) => {
      const { code, stderr } = await failedStart([`--state-dir=${stateDir}`]);
      assert.equal(code, 1);
      const holder = `process ${pids.orchestratord}, orchestratord \\S+, since \\S+, ` +
        `started by process ${pids.up}`;
      assert.match(stderr, new RegExp(`another orchestratord holds it \\(${holder}`));
    });
  } finally {
    await Deno.remove(stateDir, { recursive: true });
  }
});

async function failedStart(args: string[]): Promise<{ code: number; stderr: string }> {
  const program: Program = startProgram("deploy/local/up.ts", "local", [
    "--port=0",
    "--pool-port=0",
    "--worker-port-base=0",
    `--models-dir=${models}`,
    "--model=counter",
    ...args,
  ]);
  const { code } = await program.status;
  await program.lines.return(undefined);
  return { code, stderr: program.stderr() };
}

Deno.test("Ctrl-C while a stream runs ends everything within the stop deadline", async () => {
  const slow = { models: dirname(slowCounterModel()), model: "slow-counter" };
  await withStack({ ...slow, context: ENDLESS_CONTEXT }, async (stack) => {
    const [worker] = await stack.workers();
    const { events } = await stack.client.stream(orchestratorRoutes.submit, {
      body: { ...task, model: "slow-counter", max_tokens: 30_000 },
    });
    await events.next();
    stack.program.kill("SIGINT");
    assert.equal((await stack.program.status).code, 0);
    let tokens = 0;
    try {
      for await (const { event } of events) if (event === "token") tokens++;
    } catch {
      // Its connection ended before the stream's own end came through.
    }
    assert.ok(tokens < 29_999, "the stream was not waited for");
    assert.deepEqual([stack.pids.orchestratord, worker!.pid].filter(isAlive), []);
  });
});

Deno.test("Ctrl-C while up starts ends what has been started", async () => {
  const program = startProgram("deploy/local/up.ts", "local", [
    "--port=0",
    "--pool-port=0",
    "--worker-port-base=0",
    `--models-dir=${models}`,
    "--model=counter",
  ]);
  await until("a daemon listens", () => program.stderr().includes("orchestratord   listening"));
  program.kill("SIGINT");
  const { code } = await program.status;
  // On a busy machine it may be ready before the signal comes.
  const isReady = (await Array.fromAsync(program.lines)).some((line) => line.startsWith("ready"));
  assert.equal(code, isReady ? 0 : 130);
  const pids = [...program.stderr().matchAll(/pid=(\d+)/g)].map(([, pid]) => Number(pid));
  assert.ok(pids.length > 0);
  assert.deepEqual(pids.filter(isAlive), []);
});

Deno.test("up refuses a port in use with a clear error and leaves nothing behind", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  for (const flag of [`--port=${port}`, `--pool-port=${port}`]) {
    const { code, stderr } = await failedStart([flag]);
    assert.equal(code, 1);
    assert.match(stderr, new RegExp(`127\\.0\\.0\\.1:${port}: the port is in use`));
    for (const [, pid] of stderr.matchAll(/pid=(\d+)/g)) {
      await until(`process ${pid} is gone`, () => !isAlive(Number(pid)));
    }
  }
  listener.close();
});

Deno.test("up says how to get a model of the catalog, and ends", async () => {
  const { code, stderr } = await failedStart(["--model=tinyllama"]);
  assert.equal(code, 2);
  assert.match(stderr, /Cannot find the model "tinyllama" in .*: llorch models download tinyllama/);
  assert.match(stderr, /--dir .* fetches it \([\d.]+ GiB\), or give --yes/);
});

for (const [keys, expected] of [["n\r", 2], ["\x03", 130]] as const) {
  Deno.test({
    name: `up asks at a terminal before it downloads; ${JSON.stringify(keys)} downloads nothing`,
    ignore: !hasTerminal,
    async fn() {
      const { code, text } = await commandOnTerminal(
        [
          ...[Deno.execPath(), "run", "-q", "--no-prompt", "-P=local", "deploy/local/up.ts"],
          ...["--port=0", "--pool-port=0", `--models-dir=${models}`, "--model=tinyllama"],
        ],
        { when: "[Y/n]", keys },
        {},
        ROOT,
      );
      assert.equal(code, expected, text);
      assert.match(text, /The model "tinyllama" is not on this machine\. Download it \(0\.6 GiB\)/);
      assert.doesNotMatch(text, /llorch models download/);
    },
  });
}

Deno.test("up takes a context that fits into memory, and says so", async () => {
  const dir = await Deno.makeTempDir();
  try {
    writeCounterModel(join(dir, "long.gguf"), { context: 20_000 });
    await withStack({ models: dir, model: "long", slots: 2, context: "fitting" }, async (stack) => {
      const [worker] = await stack.workers();
      const said = /^context +(\d+) tokens for each of 2 slots, /m.exec(stack.program.stderr());
      assert.equal(String(worker?.context), said?.[1]);
      assert.ok(worker!.context > 4096);
    });
    await withStack({ models: dir, model: "long", context: 1000 }, async (stack) => {
      assert.equal((await stack.workers())[0]?.context, 1000);
      assert.doesNotMatch(stack.program.stderr(), /^context /m);
    });
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("up refuses a state folder that cannot be written", async () => {
  const file = await Deno.makeTempFile();
  const { code, stderr } = await failedStart([`--state-dir=${join(file, "state")}`]);
  assert.equal(code, 1);
  assert.match(stderr, /Cannot write the state folder .*--state-dir/);
  await Deno.remove(file);
});

Deno.test("up names the models that are there when the asked one is not", async () => {
  const { code, stderr } = await failedStart(["--model=nope"]);
  assert.equal(code, 2);
  assert.match(stderr, /Cannot find the model "nope" in .*: there are code, counter, demo, rank$/m);
});

Deno.test("up explains a wrong flag and a wrong value", async () => {
  const wrongFlag = await failedStart(["--modle=x"]);
  assert.equal(wrongFlag.code, 2);
  assert.match(wrongFlag.stderr, /Unknown option --modle; did you mean --model\?/);
  const wrongValue = await failedStart(["--slots=many"]);
  assert.equal(wrongValue.code, 2);
  assert.match(wrongValue.stderr, /--slots: must be a number: current value is "many"/);
});
