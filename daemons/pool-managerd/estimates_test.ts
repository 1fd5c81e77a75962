/**
 * What the engine says of loads, from a child to the reports of a pool manager and to its admission.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { PoolModel } from "#shared/contracts/pool.ts";
import { poolRoutes } from "#shared/contracts/pool_routes.ts";
import { LlorchError } from "#shared/errors.ts";
import { device, fakeSource } from "./testdata/fake_source.ts";
import { poolModel } from "./testdata/records.ts";
import { openTestPool, withPool } from "./testdata/test_pool.ts";

type Pool = Awaited<ReturnType<typeof openTestPool>>;

const ASKING = { models: { estimate_deadline_ms: 20_000 } };

/** The model, once the pool manager reports it with what `isKnown` looks for. */
async function reported(
  pool: Pool,
  isKnown: (model: PoolModel) => boolean,
  from = 0,
): Promise<PoolModel> {
  const modelsIn = (body: object) => "models" in body ? body.models as PoolModel[] | undefined : [];
  const find = (body: object) => modelsIn(body)?.find(isKnown);
  // The last report of models may be read already, by who waited for something else in it.
  const last = pool.orchestrator.calls.slice(from).findLast(({ body }) => modelsIn(body)?.length);
  const known = last && find(last.body);
  if (known) return known;
  const { body } = await pool.orchestrator.next((call) => find(call.body) !== undefined);
  return find(body)!;
}

const defaultFigure = { device_kind: "cpu", context: 256, slots: 4, gpu_layers: null } as const;

Deno.test(
  "a pool reports what the engine says of the default load and of one in use, and admits by it",
  withPool(
    async (pool) => {
      const model = await reported(pool, (each) => each.engine_figures?.length === 1);
      const bytes = 3_000_000 + 100 * 256 * 4;
      const figure = { ...defaultFigure, device_bytes: bytes, host_bytes: 0 };
      assert.deepEqual(model.engine_figures, [figure]);
      assert.equal(model.default_load?.device_bytes.cpu, bytes);
      assert.equal(model.estimate_problem, undefined);
      await pool.spawn({ slots: 7 });
      const { engine_figures } = await reported(pool, (each) => each.engine_figures?.length === 2);
      assert.deepEqual(engine_figures?.[1], {
        ...{ ...defaultFigure, slots: 7 },
        ...{ device_bytes: 3_000_000 + 100 * 256 * 7, host_bytes: 0 },
      });
      const spawned = pool.log.lines.filter(({ event }) => event === "worker_spawn");
      assert.equal(spawned.length, 1);
      const { models } = await pool.client.call(poolRoutes.state, {});
      assert.equal(models[0]?.engine_figures?.length, 2);
    },
    "",
    ASKING,
  ),
);

for (
  const [mode, problem] of [
    ["crashes", /^it ended by SIGABRT$/],
    ["garbage", /^its answer cannot be read$/],
    ["endless", /^it writes too much$/],
    ["refuses", /^Cannot load model: it is no model$/],
    ["hangs", /^it took more than 100 ms$/],
  ] as const
) {
  Deno.test(
    `a child that ${mode} leaves the formula, and the report says why`,
    withPool(
      async (pool) => {
        const model = await reported(pool, (each) => each.estimate_problem !== undefined);
        assert.match(model.estimate_problem!, problem);
        assert.equal(model.engine_figures, undefined);
        assert.ok(model.default_load!.device_bytes.cpu! > 0);
        assert.ok(pool.log.lines.some(({ event }) => event === "memory_not_estimated"));
        const { state } = await pool.ready();
        assert.equal(state, "ready", "loads go on");
      },
      `estimate=${mode}`,
      { models: { estimate_deadline_ms: mode === "hangs" ? 100 : 20_000 } },
    ),
  );
}

Deno.test("a figure of the engine that does not fit refuses the load", async () => {
  const pool = await openTestPool("", ASKING, [fakeSource([device("cpu", "cpu", 3_050_000)])]);
  try {
    await reported(pool, (each) => each.engine_figures?.length === 1);
    await assert.rejects(
      pool.spawn(),
      (error) =>
        error instanceof LlorchError && error.code === "INSUFFICIENT_MEMORY" &&
        /as llama\.cpp says/.test(error.message),
    );
  } finally {
    await pool.dispose();
  }
});

Deno.test("a pool manager that starts again knows the figures", async () => {
  const pool = await openTestPool("", ASKING);
  try {
    await reported(pool, (each) => each.engine_figures?.length === 1);
    await pool.close();
    const count = () => pool.log.lines.filter(({ event }) => event === "memory_estimated").length;
    assert.equal(count(), 1);
    const before = pool.orchestrator.calls.length;
    await pool.reopen();
    await reported(pool, (each) => each.engine_figures?.length === 1, before);
    assert.equal(count(), 1, "no child was started");
  } finally {
    await pool.dispose();
  }
});

Deno.test("a load on two GPUs gets a figure of its own, and the next one claims by it", async () => {
  const gpus = [device("cuda0", "cuda", 3_000_000), device("cuda1", "cuda", 3_000_000)];
  const sources = [fakeSource(gpus), fakeSource([device("cpu", "cpu", 1_000_000_000)])];
  const pool = await openTestPool("", ASKING, sources, poolModel({ block_count: 8 }));
  try {
    const bytes = 3_000_000 + 100 * 256 * 4;
    const one = await reported(pool, (each) => each.engine_figures?.length === 1);
    assert.equal(one.engine_figures?.[0]?.device_bytes, bytes);
    const { layer_bytes, each_bytes } = one.default_load!.split!;
    assert.ok(Math.abs(layer_bytes + each_bytes - bytes) <= 2);
    const id = await pool.spawn();
    const first = await pool.worker((each) => each.worker_id === id && each.state === "ready");
    assert.equal(first.device, "cuda0.cuda1", "neither holds what llama.cpp says");
    const model = await reported(pool, (each) => each.engine_figures?.length === 2);
    const { split, device_shares } = model.engine_figures![1]!;
    assert.deepEqual(split, { mode: "layer", layers: [5, 4] });
    assert.deepEqual(device_shares, [bytes / 2, bytes / 2]);
    await pool.client.call(poolRoutes.stopWorker, { params: { id }, body: {} });
    await pool.exit(id);
    const next = await pool.spawn({ request_id: "r-2" });
    const second = await pool.worker((each) => each.worker_id === next);
    assert.deepEqual(second.shares, { cuda0: bytes / 2, cuda1: bytes / 2 });
  } finally {
    await pool.dispose();
  }
});
