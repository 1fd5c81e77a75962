import assert from "node:assert/strict";
import { poolRoutes } from "#shared/contracts/pool_routes.ts";
import { LlorchError } from "#shared/errors.ts";
import { until } from "../../tests/support/stack.ts";
import { device, fakeSource } from "./testdata/fake_source.ts";
import { isAlive } from "./testdata/processes.ts";
import { openTestPool, withPool } from "./testdata/test_pool.ts";

const is = (code: string) => (error: unknown) =>
  error instanceof LlorchError && error.code === code;

/** A device with room for one worker, once its memory is measured; the first is estimated. */
const memory = (free: number, total = 1_900_000) => [device("cpu", "cpu", total, free)];
const AT_FIRST = memory(4_000_000, 4_000_000);

/** Makes a device small, and waits for a second, as earlier measurements count that long. */
async function shrink(source: ReturnType<typeof fakeSource>): Promise<void> {
  source.devices = memory(500_000);
  await new Promise((resolve) => setTimeout(resolve, 1_100));
}

type Pool = Parameters<Parameters<typeof withPool>[0]>[0];

/** Stops a worker and spawns another in its memory, which becomes free a little after its end. */
async function swap(
  pool: Pool,
  source: ReturnType<typeof fakeSource>,
  old: string,
  request_id: string,
): Promise<string> {
  const call = { params: { id: old }, body: { deadline_ms: 300 } };
  await pool.client.call(poolRoutes.stopWorker, call);
  source.devices = memory(500_000);
  const next = pool.spawn({ request_id });
  await pool.exit(old);
  await new Promise((resolve) => setTimeout(resolve, 150));
  source.devices = memory(1_900_000);
  const id = await next;
  await pool.worker((each) => each.worker_id === id && each.state === "ready");
  return id;
}

for (const mode of ["", "ignore-term"]) {
  const how = mode === "" ? "" : ", killed when it does not end";
  const source = fakeSource(AT_FIRST);
  Deno.test(
    `a spawn waits for the memory of a worker that is being stopped${how}`,
    withPool(
      async (pool) => {
        const first = await pool.ready();
        await shrink(source);
        await assert.rejects(pool.spawn({ request_id: "refused" }), is("INSUFFICIENT_MEMORY"));
        assert.notEqual(await swap(pool, source, first.worker_id, "second"), first.worker_id);
      },
      mode,
      { worker: { stop_deadline_ms: 300 } },
      [source],
    ),
  );
}

const swapped = fakeSource(AT_FIRST);

Deno.test("after a swap a pool keeps a standby process, gives it the next model, and ends it at its close", async () => {
  const pool = await openTestPool("", {}, [swapped]);
  const standbys = () =>
    pool.log.lines.filter(({ event }) => event === "worker_standby").map(({ fields }) => fields);
  try {
    const first = await pool.ready();
    assert.deepEqual(standbys(), [], "no model was swapped yet");
    await shrink(swapped);
    const second = await swap(pool, swapped, first.worker_id, "second");
    await until("a standby process runs", () => standbys().length === 1);
    const third = await swap(pool, swapped, second, "third");
    assert.equal(third, standbys()[0]?.["worker_id"]);
    const { workers } = await pool.client.call(poolRoutes.state, {});
    assert.equal(workers[0]?.pid, standbys()[0]?.["pid"]);
    await until("the next standby process runs", () => standbys().length === 2);
  } finally {
    await pool.dispose();
  }
  const { pid } = standbys()[1]!;
  await until("the standby process has ended", () => !isAlive(Number(pid)));
});
