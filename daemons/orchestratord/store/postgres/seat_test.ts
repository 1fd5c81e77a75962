import assert from "node:assert/strict";
import { sharedPostgres } from "../../testing/postgres_home.ts";
import type { PostgresHome } from "../../testing/postgres_home.ts";
import { PostgresSeat } from "./seat.ts";
import { until } from "../../../../tests/support/stack.ts";

const postgres = sharedPostgres();

/** A store that has joined, with its seat. */
async function member(home: PostgresHome, replicaId: string, ttlMs = 60_000) {
  const store = await home.open({ replicaId, ttlMs: 60_000 });
  let incarnation: number | undefined = await store.begin();
  const seat = new PostgresSeat({
    ...{ servers: home.servers, ttlMs },
    incarnation: () => incarnation,
    url: () => `http://${replicaId}`,
  });
  return {
    ...{ store, seat },
    forget: () => incarnation = undefined,
    async close() {
      await seat.close();
      await store.close();
    },
  };
}

postgres.test("one of two takes the seat, for the next term, and the other sees who", async (home) => {
  const [a, b] = [await member(home, "a"), await member(home, "b")];
  assert.equal(await a.seat.take(await a.seat.look()), 1);
  const seen = await b.seat.look();
  assert.deepEqual([seen.term, seen.url, seen.isOver], [1, "http://a", false]);
  assert.equal(await b.seat.take(seen), undefined);
  assert.deepEqual([await a.seat.renew(1), await b.seat.renew(1)], [true, false]);
  b.forget();
  await a.seat.resign(1);
  assert.equal(await b.seat.take(await b.seat.look()), undefined, "it has no start of its own");
  await Promise.all([a.close(), b.close()]);
});

postgres.test("of many that take the seat at once, one gets it", async (home) => {
  const members = await Promise.all(["a", "b", "c", "d"].map((name) => member(home, name)));
  for (let term = 1; term <= 10; term++) {
    const views = await Promise.all(members.map(({ seat }) => seat.look()));
    const taken = await Promise.all(members.map(({ seat }, n) => seat.take(views[n]!)));
    assert.deepEqual(taken.filter((each) => each !== undefined), [term]);
    await members[taken.indexOf(term)]!.seat.resign(term);
  }
  await Promise.all(members.map((each) => each.close()));
});

postgres.test("the seat is free at once when its holder's session has ended, and after its lease", async (home) => {
  const [a, b] = [await member(home, "a"), await member(home, "b", 200)];
  assert.equal(await a.seat.take(await a.seat.look()), 1);
  // As when its process is killed.
  await a.seat.close();
  assert.equal(await b.seat.take(await b.seat.look()), 2);
  assert.equal(await a.seat.renew(1), false);
  await until("its lease is over", async () => (await a.seat.look()).isOver);
  const c = await member(home, "c");
  assert.equal(await c.seat.take(await c.seat.look()), 3);
  assert.equal(await b.seat.renew(2), false);
  await Promise.all([a.close(), b.close(), c.close()]);
});

postgres.test("a leader whose session was ended keeps the seat if it renews before another one takes it", async (home) => {
  const [a, b] = [await member(home, "a"), await member(home, "b")];
  assert.equal(await a.seat.take(await a.seat.look()), 1);
  await home.run(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'llorch seat'",
  );
  await a.seat.renew(1).catch(() => a.seat.renew(1));
  assert.equal(await b.seat.take(await b.seat.look().catch(() => b.seat.look())), undefined);
  assert.equal(await a.seat.renew(1), true);
  await Promise.all([a.close(), b.close()]);
});

postgres.test("whoever takes the seat ends the writes of the start that had it", async (home) => {
  const [a, b] = [await member(home, "a"), await member(home, "b")];
  assert.equal(await a.seat.take(await a.seat.look()), 1);
  await a.store.savePool({ poolId: "p", endpoint: "http://p", keyId: undefined });
  await a.seat.close();
  assert.equal(await b.seat.take(await b.seat.look()), 2);
  await assert.rejects(
    a.store.savePool({ poolId: "q", endpoint: "http://q", keyId: undefined }),
  );
  assert.deepEqual((await b.store.pools()).map(({ poolId }) => poolId), ["p"]);
  await Promise.all([a.close(), b.close()]);
});
