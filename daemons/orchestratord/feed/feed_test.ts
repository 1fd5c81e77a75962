import assert from "node:assert/strict";
import { systemClock } from "#shared/clock.ts";
import type { FleetData } from "#shared/contracts/mod.ts";
import { NO_COUNTS } from "./counts.ts";
import { Feed, type FeedReader } from "./feed.ts";
import { History } from "./history.ts";

const LEVELS = { queued: 0, capacity: 9, running: 0 };

function open() {
  const fleet: { now: FleetData } = { now: { pools: [], workers: [] } };
  const history = new History(systemClock, NO_COUNTS, LEVELS);
  const feed = new Feed({
    clock: systemClock,
    fleet: () => fleet.now,
    rates: () => history.rates,
    history: () => history.past,
  });
  const leave = new AbortController();
  const read = (more: Partial<FeedReader> = {}) =>
    new Reader(
      feed.read({
        after: undefined,
        maySee: () => true,
        signal: leave.signal,
        follow: true,
        ...more,
      }),
    );
  return { feed, fleet, read, leave };
}

/** Names of the events of each write, and ids. */
class Reader {
  readonly frames: AsyncGenerator<Uint8Array>;
  lastId: number | undefined;
  bytes: Uint8Array | undefined;

  constructor(frames: AsyncGenerator<Uint8Array>) {
    this.frames = frames;
  }

  async next(): Promise<string[] | undefined> {
    const { value, done } = await this.frames.next();
    if (done) return undefined;
    this.bytes = value;
    const text = new TextDecoder().decode(value);
    const id = [...text.matchAll(/^id: (\d+)$/gm)].at(-1)?.[1];
    if (id !== undefined) this.lastId = Number(id);
    return [...text.matchAll(/^event: (\w+)$/gm)].map(([, name]) => name!);
  }
}

Deno.test("a reader gets the stored activities, the last hour, the fleet and the rates; then new events", async () => {
  const { feed, read, fleet } = open();
  feed.add({ kind: "spawn", message: "one" });
  const reader = read();
  assert.deepEqual(await reader.next(), ["history", "spawn", "fleet", "rates"]);
  const next = reader.next();
  feed.add({ kind: "ready", message: "two" });
  feed.send();
  assert.deepEqual(await next, ["ready", "rates"]);
  fleet.now = { pools: [], workers: [{ worker_id: "w" } as FleetData["workers"][number]] };
  const changed = reader.next();
  feed.send();
  assert.deepEqual(await changed, ["fleet", "rates"]);
  await reader.frames.return(undefined);
});

Deno.test("activities are sent soon, without waiting for the next measurement", async () => {
  const { feed, read } = open();
  const reader = read();
  await reader.next();
  const next = reader.next();
  feed.add({ kind: "exit", message: "w" });
  assert.deepEqual(await next, ["exit", "rates"]);
  await reader.frames.return(undefined);
});

Deno.test("readers that keep up share one encoding", async () => {
  const { feed, read } = open();
  const [one, two] = [read(), read()];
  await Promise.all([one.next(), two.next()]);
  for (const message of ["first", "second"]) {
    const both = Promise.all([one.next(), two.next()]);
    feed.add({ kind: "ready", message });
    feed.send();
    await both;
  }
  assert.ok(one.bytes !== undefined && one.bytes === two.bytes);
  await one.frames.return(undefined);
  await two.frames.return(undefined);
});

Deno.test("a reader that comes back is given what it missed, each once", async () => {
  const { feed, read } = open();
  feed.add({ kind: "spawn", message: "1" });
  const first = read({ follow: false });
  await first.next();
  assert.equal(await first.next(), undefined);
  feed.add({ kind: "ready", message: "2" });
  feed.add({ kind: "exit", message: "3" });
  const again = read({ after: first.lastId, follow: false });
  assert.deepEqual(await again.next(), ["history", "ready", "exit", "fleet", "rates"]);
});

Deno.test("a reader that was slow misses nothing", async () => {
  const { feed, read } = open();
  const slow = read();
  await slow.next();
  for (const message of ["1", "2", "3"]) {
    feed.add({ kind: "exit", message });
    feed.send();
  }
  assert.deepEqual(await slow.next(), ["exit", "exit", "exit", "rates"]);
  await slow.frames.return(undefined);
});

Deno.test("a reader gets a gap event if events that it missed were deleted", async () => {
  const { feed, read } = open();
  feed.add({ kind: "spawn", message: "0" });
  const first = read({ follow: false });
  await first.next();
  for (let index = 0; index < 600; index++) feed.add({ kind: "exit", message: String(index) });
  const again = await read({ after: first.lastId, follow: false }).next();
  assert.equal(again?.[0], "gap");
  assert.equal(again?.filter((name) => name === "exit").length, 500);
  // An id of an earlier process: everything since this one was started.
  assert.equal((await read({ after: 5, follow: false }).next())?.[0], "gap");
});

Deno.test("an activity about a job is shown only to readers that may see it", async () => {
  const { feed, read } = open();
  const [mine, other] = [read({ maySee: (t) => t === "k" }), read({ maySee: () => false })];
  await Promise.all([mine.next(), other.next()]);
  const both = [mine.next(), other.next()];
  feed.add({ kind: "failover", message: "j" }, "k");
  feed.add({ kind: "exit", message: "w" });
  feed.send();
  assert.deepEqual(await Promise.all(both), [["failover", "exit", "rates"], ["exit", "rates"]]);
  await mine.frames.return(undefined);
  await other.frames.return(undefined);
});

Deno.test("a reader that leaves, and a feed that closes, end the frames", async () => {
  const { feed, read, leave } = open();
  const gone = read();
  await gone.next();
  const end = gone.next();
  leave.abort();
  assert.equal(await end, undefined);
  const { signal } = new AbortController();
  const last = read({ signal });
  await last.next();
  const closed = last.next();
  feed.close();
  assert.equal(await closed, undefined);
});
