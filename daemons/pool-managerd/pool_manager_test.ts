import assert from "node:assert/strict";
import { poolRoutes } from "#shared/contracts/pool_routes.ts";
import { HEADERS } from "#shared/defaults.ts";
import { LlorchError } from "#shared/errors.ts";
import { createClient } from "#shared/http/client.ts";
import { until } from "../../tests/support/stack.ts";
import { device, fakeSource } from "./testdata/fake_source.ts";
import { FINGERPRINT } from "./testdata/records.ts";
import { argvOf, envOf, isAlive } from "./testdata/processes.ts";
import { poolModel } from "./testdata/records.ts";
import { withPool } from "./testdata/test_pool.ts";

const is = (code: string) => (error: unknown) =>
  error instanceof LlorchError && error.code === code;

Deno.test(
  "a spawned worker becomes ready and is reported with all fields of the contract",
  withPool(async (pool) => {
    const worker = await pool.ready();
    const { token: _, uri, pid, ...rest } = worker;
    assert.deepEqual(rest, {
      worker_id: worker.worker_id,
      request_id: "r-1",
      model_ref: "demo",
      fingerprint: FINGERPRINT,
      device: "cpu",
      backend: "fake",
      capabilities: ["generate", "tokenize"],
      state: "ready",
      context: 256,
      slots: 4,
      active: 0,
      memory_bytes: 1_000_000,
    });
    assert.ok(isAlive(pid));
    assert.match(uri ?? "", /^http:\/\/127\.0\.0\.1:\d+$/);
    const state = await pool.client.call(poolRoutes.state, {});
    assert.equal(state.workers[0]?.worker_id, worker.worker_id);
    const measured = { context: 256, slots: 4, memory_bytes: 1_000_000 };
    assert.deepEqual(state.models[0]?.measured, measured);
  }),
);

Deno.test(
  "the pool reports the memory of a load with its own defaults, and checks loads by the same figure",
  withPool(
    async (pool) => {
      const load = async () =>
        (await pool.client.call(poolRoutes.state, {})).models[0]?.default_load;
      const estimated = await load();
      assert.deepEqual([estimated?.context, estimated?.slots], [128, 2]);
      const announced = pool.orchestrator.next(({ body }) =>
        "models" in body && body.models?.[0]?.default_load?.slots === 2
      );
      await announced;
      await pool.spawn();
      const spawned = pool.log.lines.find(({ event }) => event === "worker_spawn");
      assert.equal(spawned?.fields?.["estimate_bytes"], estimated?.device_bytes.cpu);
      await pool.worker(({ state }) => state === "ready");
      assert.equal((await load())?.device_bytes.cpu, 1_000_000, "measured");
      assert.equal((await load())?.device_bytes.cuda, estimated?.device_bytes.cuda);
    },
    "",
    { worker: { default_context: 128, default_slots: 2, llama: { cache_mib: 0 } } },
  ),
);

const small = fakeSource([device("cpu", "cpu", 400_000_000, 100_000_000)]);

Deno.test(
  "an automatic context is what fits most of the memory that was free at the start, and stays",
  withPool(
    async (pool) => {
      const load = async () =>
        (await pool.client.call(poolRoutes.state, {})).models[0]?.default_load;
      const { context = 0, device_bytes } = await load() ?? {};
      assert.ok(context > 4096 && context < 32_768, String(context));
      assert.ok(device_bytes!.cpu! <= 80_000_000 && device_bytes!.cpu! > 79_000_000);
      const worker = await pool.ready();
      assert.equal(worker.context, context);
      small.devices = [device("cpu", "cpu", 400_000_000, 60_000_000)];
      assert.equal((await load())?.context, context);
    },
    "",
    { worker: { default_context: "auto", llama: { cache_mib: 0 } } },
    [small],
    poolModel({ context_length: 131_072 }),
  ),
);

Deno.test(
  "the exit of a worker that could never load its model says so; another exit does not",
  withPool(async (pool) => {
    const exit = await pool.exit(await pool.spawn());
    assert.deepEqual([exit.exit_code, exit.is_final, exit.category], [3, true, "crash"]);
  }, "exit=3"),
);

Deno.test(
  "a worker that fails for another reason may be tried again",
  withPool(async (pool) => {
    assert.equal((await pool.exit(await pool.spawn())).is_final, undefined);
  }, "exit=1"),
);

const gpu = fakeSource([device("cuda0", "cuda", 1_000_000_000)]);

Deno.test(
  "the memory that the device reports for a worker is counted and remembered",
  withPool(
    async (pool) => {
      gpu.held = async () => {
        const { workers } = await pool.client.call(poolRoutes.state, {});
        return new Map(workers.map(({ pid }) => [pid, 7_000_000]));
      };
      assert.equal((await pool.ready()).memory_bytes, 7_000_000);
      const { models } = await pool.client.call(poolRoutes.state, {});
      assert.equal(models[0]?.measured?.memory_bytes, 7_000_000);
    },
    "",
    {},
    [gpu, fakeSource([device("cpu", "cpu", 1_000_000_000)])],
  ),
);

const pair = fakeSource([
  device("cuda0", "cuda", 2_400_000),
  device("cuda1", "cuda", 2_400_000),
]);

Deno.test(
  "a worker on two GPUs is counted on each, as the devices report, until it ends",
  withPool(
    async (pool) => {
      pair.held = async ({ id }) => {
        const { workers } = await pool.client.call(poolRoutes.state, {});
        return new Map(workers.map(({ pid }) => [pid, id === "cuda0" ? 1_000_000 : 1_500_000]));
      };
      const { models } = await pool.client.call(poolRoutes.state, {});
      assert.equal(models[0]?.default_load?.split?.layers, 9);
      const worker = await pool.ready();
      assert.equal(worker.device, "cuda0.cuda1");
      assert.deepEqual(worker.shares, { cuda0: 1_000_000, cuda1: 1_500_000 });
      assert.equal(worker.memory_bytes, 2_500_000);
      assert.match(argvOf(worker.pid), /--gpu 0,1 .*--split layer --split-ratio 5,4/);
      const measured = (await pool.client.call(poolRoutes.state, {})).models[0]?.measured;
      assert.equal(measured, undefined, "it says nothing of a load on one device");
      // The rest of either GPU is too small for another one.
      await assert.rejects(pool.spawn({ request_id: "r-2" }), is("INSUFFICIENT_MEMORY"));
      await pool.close();
      await pool.reopen();
      const [adopted] = (await pool.client.call(poolRoutes.state, {})).workers;
      assert.deepEqual(adopted?.shares, worker.shares);
      const stop = { params: { id: worker.worker_id }, body: {} };
      await pool.client.call(poolRoutes.stopWorker, stop);
      await pool.exit(worker.worker_id);
      const next = await pool.spawn({ request_id: "r-3" });
      const again = await pool.worker((each) => each.worker_id === next && each.state === "ready");
      assert.equal(again.device, "cuda0.cuda1");
    },
    "",
    { on_stop: "leave", worker: { llama: { cache_mib: 0 } } },
    [pair, fakeSource([device("cpu", "cpu", 1_000_000_000)])],
    poolModel({ block_count: 8 }),
  ),
);

Deno.test(
  "a worker's secrets are in neither its arguments nor the log",
  withPool(async (pool) => {
    const { pid, token } = await pool.ready();
    assert.ok(!argvOf(pid).includes(token));
    assert.ok(!JSON.stringify(pool.log.lines).includes(token));
  }),
);

Deno.test(
  "the same request returns the same worker, at the same time, later, and after its end",
  withPool(async (pool) => {
    const [first, second] = await Promise.all([pool.spawn(), pool.spawn()]);
    assert.equal(second, first);
    await pool.worker((worker) => worker.state === "ready");
    await pool.client.call(poolRoutes.stopWorker, { params: { id: first }, body: {} });
    await pool.exit(first);
    assert.equal(await pool.spawn(), first);
    await pool.close();
    await pool.reopen();
    assert.equal(await pool.spawn(), first);
    assert.deepEqual((await pool.client.call(poolRoutes.state, {})).workers, []);
  }),
);

Deno.test(
  "an impossible spawn is refused before any process is started",
  withPool(async (pool) => {
    const call = { params: { id: "another" }, body: { ...request("a") } };
    await assert.rejects(pool.client.call(poolRoutes.spawn, call), is("NOT_FOUND"));
    const unknown = { model_ref: "x", fingerprint: "0".repeat(64) };
    await assert.rejects(pool.spawn(unknown), is("MODEL_NOT_FOUND"));
    await assert.rejects(pool.spawn({ device: "cuda7" }), is("NOT_FOUND"));
    await assert.rejects(
      pool.spawn({ context: 10_000_000, slots: 256 }),
      is("INSUFFICIENT_MEMORY"),
    );
    assert.deepEqual(await pool.logFiles(), []);
  }),
);

Deno.test(
  "a worker that fails to start is reported with its exit code and reason until acknowledged",
  withPool(async (pool) => {
    pool.orchestrator.answers.acknowledge = false;
    const id = await pool.spawn();
    const exit = await pool.exit(id);
    assert.equal(exit.category, "crash");
    assert.equal(exit.exit_code, 3);
    assert.equal(exit.detail, "the last word of a worker that fails");
    const logs = () => pool.client.call(poolRoutes.workerLogs, { params: { id } });
    assert.equal((await logs()).lines.at(-1), exit.detail);
    const passedOn = pool.log.lines.filter((line) => line.event === "worker_output");
    assert.equal(passedOn.at(-1)?.fields["line"], exit.detail);
    pool.orchestrator.answers.acknowledge = true;
    await pool.orchestrator.next((call) => "exits" in call.body && call.body.exits.length === 0);
    assert.equal(
      (await logs()).lines.at(-1),
      exit.detail,
      "the log is kept after the acknowledgement",
    );
  }, "exit=3"),
);

Deno.test(
  "a worker that never calls back is killed after its deadline",
  withPool(
    async (pool) => {
      const exit = await pool.exit(await pool.spawn());
      assert.equal(exit.category, "timeout");
      assert.equal(exit.signal, "SIGKILL");
    },
    "mute",
    { worker: { start_timeout_ms: 300 } },
  ),
);

Deno.test(
  "a reader that follows a worker's log gets each line once, including the last ones, and the end",
  withPool(async (pool) => {
    const { worker_id: id } = await pool.ready();
    const follow = async () => {
      const call = { params: { id }, query: { follow: "true" as const } };
      const { events } = await pool.client.stream(poolRoutes.workerLogs, call);
      return await Array.fromAsync(events, ({ event, data }) => [event, JSON.parse(data).line]);
    };
    const [first] = await Promise.all([
      follow(),
      pool.client.call(poolRoutes.stopWorker, { params: { id }, body: {} }),
    ]);
    const lines = first.map(([, line]) => line);
    assert.match(lines[0], /^started with/);
    assert.deepEqual(first.slice(-2), [["line", "ends in good order"], ["end", undefined]]);
    assert.equal(new Set(lines).size, lines.length);
    await pool.exit(id);
    assert.deepEqual(await follow(), first, "the log of an ended worker is the same");
  }),
);

Deno.test(
  "a worker gets the next port when another program holds the first",
  withPool(async (pool) => {
    const taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    try {
      const { port } = taken.addr;
      await pool.close();
      await pool.reopen({ worker: { port_base: port } });
      const { uri } = await pool.ready();
      assert.ok(Number(new URL(uri!).port) > port);
    } finally {
      taken.close();
    }
  }),
);

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

Deno.test("a worker whose port is taken between our look and its own is started on the next, as the same", async () => {
  // Another program may take the port before our look, which says nothing: then the next one is tried.
  let isFree = false;
  for (let tries = 0; !isFree && tries < 10; tries++) {
    const port = freePort();
    await withPool(
      async (pool) => {
        const id = await pool.spawn();
        const { uri, pid } = await pool.worker((each) => each.state === "ready");
        assert.ok(Number(new URL(uri!).port) > port);
        isFree = pool.log.lines.some(({ event, fields }) =>
          event === "worker_spawn" && fields?.["port"] === port
        );
        if (!isFree) return;
        const { workers, exits } = await pool.client.call(poolRoutes.state, {});
        assert.deepEqual(workers.map((each) => [each.worker_id, each.pid]), [[id, pid]]);
        assert.deepEqual(exits, []);
        const { lines } = await pool.client.call(poolRoutes.workerLogs, { params: { id } });
        assert.ok(
          lines.some((line) => /port is in use/.test(line)),
          "the log has the lines of both starts",
        );
      },
      `taken=${port}`,
      { worker: { port_base: port } },
    )();
  }
  assert.ok(isFree, "the first port was tried");
});

Deno.test(
  "a worker with a wrong spawn token is refused and ends itself",
  withPool(async (pool) => {
    const exit = await pool.exit(await pool.spawn());
    assert.equal(exit.category, "crash");
    assert.match(exit.detail ?? "", /called back: 403 .*spawn token/);
  }, "wrong-token"),
);

Deno.test(
  "a worker with a known port is reported as loading before it calls back",
  withPool(
    async (pool) => {
      const id = await pool.spawn();
      const worker = await pool.worker((each) => each.state === "loading");
      assert.equal(worker.worker_id, id);
      assert.ok(worker.uri);
    },
    "silent",
    { worker: { port_base: 21_000 } },
  ),
);

Deno.test(
  "a worker with another model than the requested one is refused and ends itself",
  withPool(async (pool) => {
    const exit = await pool.exit(await pool.spawn());
    assert.equal(exit.category, "crash");
    assert.match(exit.detail ?? "", /called back: 409 .*was to load model_ref/);
  }, "wrong-model"),
);

Deno.test(
  "stop lets a worker exit cleanly",
  withPool(async (pool) => {
    const { worker_id: id, pid } = await pool.ready();
    await pool.client.call(poolRoutes.stopWorker, { params: { id }, body: {} });
    const { category, exit_code, detail } = await pool.exit(id);
    assert.deepEqual([category, exit_code, detail], ["stop", 0, undefined]);
    assert.ok(!isAlive(pid));
    const again = pool.client.call(poolRoutes.stopWorker, { params: { id }, body: {} });
    await assert.rejects(again, is("NOT_FOUND"));
  }),
);

Deno.test(
  "stop kills a worker that ignores SIGTERM after the deadline, which is still a stop",
  withPool(async (pool) => {
    const { worker_id: id } = await pool.ready();
    // Long enough for the stop to be reported before the kill.
    const body = { deadline_ms: 3_000 };
    await pool.client.call(poolRoutes.stopWorker, { params: { id }, body });
    await pool.worker((worker) => worker.state === "stopping");
    const { category, signal } = await pool.exit(id);
    assert.deepEqual([category, signal], ["stop", "SIGKILL"]);
  }, "ignore-term"),
);

Deno.test(
  "a worker that is killed is reported as a crash at once, not at the next check",
  withPool(
    async (pool) => {
      const { worker_id: id, pid } = await pool.ready();
      Deno.kill(pid, "SIGKILL");
      const exit = await pool.exit(id);
      assert.deepEqual([exit.category, exit.signal, exit.exit_code], ["crash", "SIGKILL", null]);
      assert.equal(exit.detail, undefined, "no line of its log is the reason");
    },
    "",
    { worker: { poll_interval_ms: 60_000 } },
  ),
);

Deno.test(
  "drain waits for the last stream, then stops",
  withPool(async (pool) => {
    const { worker_id: id, uri } = await pool.ready();
    const setActive = async (n: number) => await (await fetch(`${uri}/active?n=${n}`)).text();
    await setActive(2);
    await pool.worker((worker) => worker.active === 2);
    const body = { deadline_ms: 60_000 };
    await pool.client.call(poolRoutes.drainWorker, { params: { id }, body });
    await pool.worker((worker) => worker.state === "draining");
    await pool.orchestrator.next((call) => call.kind === "heartbeat");
    const worker = await pool.worker(() => true);
    assert.equal(worker.state, "draining");
    await setActive(0);
    assert.equal((await pool.exit(id)).category, "stop");
  }),
);

Deno.test(
  "drain stops a worker that is still busy at the deadline",
  withPool(async (pool) => {
    const { worker_id: id, uri } = await pool.ready();
    await (await fetch(`${uri}/active?n=1`)).text();
    await pool.worker((worker) => worker.active === 1);
    const body = { deadline_ms: 150 };
    await pool.client.call(poolRoutes.drainWorker, { params: { id }, body });
    assert.equal((await pool.exit(id)).category, "stop");
  }),
);

Deno.test(
  "a ready worker that has gone silent is killed as a timeout",
  withPool(
    async (pool) => {
      const { worker_id: id } = await pool.ready();
      assert.equal((await pool.exit(id)).category, "timeout");
    },
    "deaf",
    // Long enough for it to be reported as ready before it is killed.
    { worker: { unresponsive_ms: 4_000 } },
  ),
);

Deno.test(
  "a repeated ready callback gets the same reply, and another worker's is refused",
  withPool(async (pool) => {
    const worker = await pool.ready();
    const secret = envOf(worker.pid, "LLORCH_SPAWN_TOKEN")!;
    const { worker_id, uri, model_ref, fingerprint, memory_bytes } = worker;
    const { context, slots, capabilities, backend, pid } = worker;
    const body = {
      ...{ worker_id, uri: uri!, model_ref, fingerprint, memory_bytes },
      ...{ context, slots, capabilities, backend, pid },
      spawn_token: secret,
    };
    const call = (changes: Partial<typeof body>) =>
      pool.client.call(poolRoutes.workerReady, { body: { ...body, ...changes } });
    assert.deepEqual(await call({}), { status: "accepted" });
    await assert.rejects(call({ spawn_token: "x".repeat(64) }), is("FORBIDDEN"));
    await assert.rejects(call({ slots: 99 }), is("FORBIDDEN"));
    await assert.rejects(call({ worker_id: "w-nobody" }), is("NOT_FOUND"));
  }),
);

Deno.test(
  "closing stops every worker, reports it, and deregisters from the orchestrator",
  withPool(async (pool) => {
    const worker = await pool.ready();
    await pool.close();
    assert.ok(!isAlive(worker.pid));
    const last = pool.orchestrator.calls.slice(-2);
    assert.equal(last[1]?.kind, "deregister");
    assert.ok(last[0] && "exits" in last[0].body);
    assert.equal((await pool.exit(worker.worker_id)).category, "stop");
  }),
);

Deno.test(
  "a pool manager that leaves its workers finds them again as they were",
  withPool(
    async (pool) => {
      const before = await pool.ready();
      await pool.close();
      assert.ok(isAlive(before.pid));
      assert.notEqual(pool.orchestrator.calls.at(-1)?.kind, "deregister");
      await pool.reopen({ on_stop: "stop" });
      const { workers } = await pool.client.call(poolRoutes.state, {});
      assert.deepEqual(workers, [before]);
      Deno.kill(before.pid, "SIGKILL");
      const exit = await pool.exit(before.worker_id);
      assert.deepEqual([exit.category, exit.exit_code, exit.signal], ["crash", null, null]);
    },
    "",
    { on_stop: "leave" },
  ),
);

Deno.test(
  "an adopted worker is stopped like any other",
  withPool(
    async (pool) => {
      const { worker_id: id, pid } = await pool.ready();
      await pool.close();
      await pool.reopen({ on_stop: "stop" });
      await pool.client.call(poolRoutes.stopWorker, { params: { id }, body: {} });
      assert.equal((await pool.exit(id)).category, "stop");
      assert.ok(!isAlive(pid));
    },
    "",
    { on_stop: "leave" },
  ),
);

Deno.test(
  "a worker that died while no pool manager ran is reported as an exit",
  withPool(
    async (pool) => {
      const { worker_id: id, pid } = await pool.ready();
      await pool.close();
      Deno.kill(pid, "SIGKILL");
      while (isAlive(pid)) await new Promise((resolve) => setTimeout(resolve, 5));
      await pool.reopen({ on_stop: "stop" });
      assert.equal((await pool.exit(id)).category, "crash");
      assert.deepEqual((await pool.client.call(poolRoutes.state, {})).workers, []);
    },
    "",
    { on_stop: "leave" },
  ),
);

Deno.test(
  "health, readiness, metrics and the API's description answer",
  withPool(async (pool) => {
    await pool.ready();
    assert.equal((await pool.client.call(poolRoutes.health, {})).component, "pool-managerd");
    assert.deepEqual(await pool.client.call(poolRoutes.ready, {}), { status: "ready" });
    const metrics = await pool.client.text(poolRoutes.metrics, {});
    assert.match(metrics, /^pool_mgr_workers\{state="ready"\} 1$/m);
    assert.match(metrics, /^pool_mgr_worker_starts_total\{outcome="ready"\} 1$/m);
    assert.match(metrics, /^pool_mgr_device_memory_bytes\{device="cpu",kind="free"\} \d+$/m);
    assert.match(metrics, /^pool_mgr_heartbeats_total\{outcome="ok"\} \d+$/m);
    const { paths } = await pool.client.call(poolRoutes.openapi, {});
    assert.ok((paths as Record<string, unknown>)["/pools/{id}/workers/spawn"]);
  }),
);

function request(request_id: string) {
  return { request_id, model_ref: "demo", fingerprint: FINGERPRINT };
}

Deno.test(
  "an order that rests on a report of before the last registration is refused: it comes too late",
  withPool(async (pool) => {
    const { worker_id: id } = await pool.ready();
    const order = (report: string) =>
      createClient({ baseUrl: pool.url, headers: { [HEADERS.report]: report } })
        .call(poolRoutes.drainWorker, { params: { id }, body: { deadline_ms: 60_000 } });
    const report = async () => {
      const { instance_id, sequence } = await pool.client.call(poolRoutes.state, {});
      return `${instance_id}/${sequence}`;
    };
    const before = await report();
    const registrations = () => pool.log.lines.filter(({ event }) => event === "registered").length;
    const first = registrations();
    pool.orchestrator.answers.refuse.heartbeat = new LlorchError("NOT_FOUND", "register");
    await until("it has registered again", () => registrations() > first);
    pool.orchestrator.answers.refuse.heartbeat = undefined;
    await assert.rejects(order(before), is("CONFLICT"));
    assert.equal((await pool.worker(() => true)).state, "ready");
    await order(await report());
    await pool.worker(({ state }) => state !== "ready");
  }),
);
