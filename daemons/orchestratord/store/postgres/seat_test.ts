import assert from "node:assert/strict";
import { sharedPostgres } from "../../testing/postgres_home.ts";
import type { PostgresHome } from "../../testing/postgres_home.ts";
import { PostgresSeat } from "./seat.ts";
import { Servers } from "./servers.ts";
import type { Session } from "./session.ts";
import { parseStoreUrl } from "./store_url.ts";
import { until } from "../../../../tests/support/stack.ts";

const postgres = sharedPostgres();

/** Servers whose sessions take one lock, whatever the term: the variant that must not be. */
class OneLock extends Servers {
  override async open(...options: Parameters<Servers["open"]>): Promise<Session> {
    const session = await super.open(...options);
    const query = session.query.bind(session);
    session.query = (text, values, name) =>
      query(
        text,
        text.includes("advisory_lock") || text.includes("advisory_unlock") ? [1] : values,
        name,
      );
    return session;
  }
}

/** A store that has joined, with its seat. */
async function member(
  home: PostgresHome,
  replicaId: string,
  ttlMs = 60_000,
  servers: Servers = home.servers,
) {
  const store = await home.open({ replicaId, ttlMs: 60_000 });
  let incarnation: number | undefined = await store.begin();
  const seat = new PostgresSeat({
    ...{ servers, ttlMs },
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
    await members[taken.indexOf(term)]!.seat.resign(term, { isReleased: true });
  }
  await Promise.all(members.map((each) => each.close()));
});

postgres.test("a start that has been ended takes the seat no more", async (home) => {
  const [a, b] = [await member(home, "a"), await member(home, "b")];
  assert.equal(await a.seat.take(await a.seat.look()), 1);
  await a.seat.resign(1);
  // It did not release its jobs, so the next leader fences it.
  assert.equal(await b.seat.take(await b.seat.look()), 2);
  await b.seat.resign(2, { isReleased: true });
  assert.equal(await a.seat.take(await a.seat.look()), undefined);
  assert.equal(await b.seat.take(await b.seat.look()), 3);
  await Promise.all([a.close(), b.close()]);
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

/** The seat passes from one whose lease ends, though its session lives, to another one, and stays there. */
async function passesOnce(home: PostgresHome, servers: Servers): Promise<void> {
  const a = await member(home, "a", 200, servers);
  const [b, c] = [
    await member(home, "b", 60_000, servers),
    await member(home, "c", 60_000, servers),
  ];
  try {
    assert.equal(await a.seat.take(await a.seat.look()), 1);
    await until("its lease is over", async () => (await b.seat.look()).isOver);
    assert.equal(await b.seat.take(await b.seat.look()), 2);
    // As when its process goes on and ends.
    await a.seat.close();
    assert.equal(await c.seat.take(await c.seat.look()), undefined, "two lead");
    assert.equal(await b.seat.renew(2), true);
  } finally {
    await Promise.all([a.close(), b.close(), c.close()]);
  }
}

postgres.test("one that hangs holds the seat no longer than its lease, and its end takes it from nobody", (home) =>
  passesOnce(home, home.servers));

postgres.test("with one lock for all terms, that would not be so", (home) =>
  assert.rejects(
    passesOnce(
      home,
      new OneLock({ url: parseStoreUrl(home.server.url(home.schema)), password: () => "" }),
    ),
    assert.AssertionError,
  ));

postgres.test("a replica that released its jobs is not fenced by a follower with an old view of the seat", async (home) => {
  const [a, b] = [await member(home, "a"), await member(home, "b")];
  assert.equal(await a.seat.take(await a.seat.look()), 1);
  const seen = await b.seat.look();
  await a.store.giveUp(new Map([["w1", 2]]));
  await a.seat.resign(1, { isReleased: true });
  assert.equal(await b.seat.take(seen), 2);
  const { replicas } = (await b.store.members())!;
  const left = replicas.find(({ replicaId }) => replicaId === "a");
  assert.deepEqual([...left!.heldSlots], [["w1", 2]]);
  assert.ok(left!.leftMs > 0);
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
