import assert from "node:assert/strict";
import { poolRoutes } from "#shared/contracts/pool_routes.ts";
import { LlorchError } from "#shared/errors.ts";
import { until } from "../../tests/support/stack.ts";
import { device, fakeSource } from "./testdata/fake_source.ts";
import { isAlive } from "./testdata/processes.ts";
import { openTestPool, withPool } from "./testdata/test_pool.ts";

const is = (code: string) => (error: unknown) =>
  error instanceof LlorchError && error.code === code;

/** A device that holds one worker once it is known what one takes; the first is estimated. */
const memory = (free: number, total = 1_900_000) => [device("cpu", "cpu", total, free)];
const AT_FIRST = memory(4_000_000, 4_000_000);

/** Makes a device small; what was seen of it before is believed for a second. */
async function shrink(source: ReturnType<typeof fakeSource>): Promise<void> {
  source.devices = memory(500_000);
  await new Promise((resolve) => setTimeout(resolve, 1_100));
}

type Pool = Parameters<Parameters<typeof withPool>[0]>[0];

/** Stops a worker, and asks for another in its memory, which is free a little later than it ends. */
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
  const how = mode === "" ? "" : ", killed when it does not go";
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

Deno.test("a pool that has swapped keeps a process prepared, gives it the next model, and ends it at its close", async () => {
  const pool = await openTestPool("", {}, [swapped]);
  const standbys = () =>
    pool.log.lines.filter(({ event }) => event === "worker_standby").map(({ fields }) => fields);
  try {
    const first = await pool.ready();
    assert.deepEqual(standbys(), [], "nothing was swapped yet");
    await shrink(swapped);
    const second = await swap(pool, swapped, first.worker_id, "second");
    await until("one is prepared", () => standbys().length === 1);
    const third = await swap(pool, swapped, second, "third");
    assert.equal(third, standbys()[0]?.["worker_id"]);
    const { workers } = await pool.client.call(poolRoutes.state, {});
    assert.equal(workers[0]?.pid, standbys()[0]?.["pid"]);
    await until("the next is prepared", () => standbys().length === 2);
  } finally {
    await pool.dispose();
  }
  const { pid } = standbys()[1]!;
  await until("what was prepared is gone", () => !isAlive(Number(pid)));
});
