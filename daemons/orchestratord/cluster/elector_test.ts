import assert from "node:assert/strict";
import { delay } from "#shared/lifecycle.ts";
import type { Seat, SeatView } from "../store/seat.ts";
import { recordingLog } from "../testing/recording_log.ts";
import { Elector } from "./elector.ts";
import type { Timing } from "./real_time.ts";

/** Time that the test moves. */
class FakeTime implements Timing {
  #now = 0;
  readonly #timers = new Set<{ at: number; call: () => void }>();

  now(): number {
    return this.#now;
  }

  after(ms: number, call: () => void): () => void {
    const timer = { at: this.#now + ms, call };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** Moves on; everybody gets their turns in between. */
  async pass(ms: number, step = 50): Promise<void> {
    for (const end = this.#now + ms; this.#now < end;) {
      this.#now = Math.min(end, this.#now + step);
      for (const timer of [...this.#timers].sort((a, b) => a.at - b.at)) {
        if (timer.at > this.#now || !this.#timers.delete(timer)) continue;
        timer.call();
      }
      await delay(0);
    }
  }
}

/** A seat in memory that several electors share; each has its own view of it, which can be cut off. */
class FakeSeat {
  term = 0;
  holder = "";
  until = -Infinity;

  constructor(readonly time: FakeTime, readonly ttlMs: number) {}

  of(name: string): Seat & { isCut: boolean } {
    const { time, ttlMs } = this;
    const reach = async () => {
      await delay(0);
      if (seat.isCut) throw new Error("cut off");
    };
    const hold = () => {
      this.holder = name;
      this.until = time.now() + ttlMs;
    };
    const seat = {
      isCut: false,
      look: async (): Promise<SeatView> => {
        await reach();
        const isOver = this.until < time.now();
        return { term: this.term, incarnation: 1, url: `http://${this.holder}`, isOver };
      },
      take: async ({ term, isOver }: SeatView) => {
        await reach();
        if (!isOver || term !== this.term) return undefined;
        hold();
        return ++this.term;
      },
      renew: async (term: number) => {
        await reach();
        if (term !== this.term || this.holder !== name) return false;
        hold();
        return true;
      },
      resign: async () => {
        await reach();
        this.until = -Infinity;
      },
    };
    return seat;
  }
}

/** Two electors of one seat, and what they were told. */
function open() {
  const time = new FakeTime();
  const shared = new FakeSeat(time, 3_000);
  const told: string[] = [];
  const member = (name: string) => {
    const seat = shared.of(name);
    const elector = new Elector({
      ...{ seat, time, log: recordingLog(), renewMs: 1_000, ttlMs: 3_000, random: () => 0 },
      onLead: (term) => told.push(`${name} leads ${term}`),
      onDeposed: (term) => told.push(`${name} no more ${term}`),
      onResumed: (term) => told.push(`${name} again ${term}`),
    });
    return { seat, elector };
  };
  return { time, shared, told, a: member("a"), b: member("b") };
}

Deno.test("one of two electors leads, for as long as it renews its lease", async () => {
  const { time, told, a, b } = open();
  a.elector.start();
  await time.pass(100);
  b.elector.start();
  await time.pass(20_000);
  assert.deepEqual(told, ["a leads 1"]);
  assert.deepEqual([a.elector.term, b.elector.term], [1, undefined]);
  assert.equal(b.elector.seen?.url, "http://a");
  const stopped = Promise.all([a.elector.stop(), b.elector.stop()]);
  await time.pass(500);
  await stopped;
});

Deno.test("a leader that cannot renew its lease stops before another one takes it", async () => {
  const { time, told, a, b } = open();
  a.elector.start();
  await time.pass(100);
  b.elector.start();
  await time.pass(5_000);
  a.seat.isCut = true;
  for (let passed = 0; passed < 6_000; passed += 50) {
    await time.pass(50);
    assert.ok(a.elector.term === undefined || b.elector.term === undefined, "two lead");
  }
  assert.deepEqual(told, ["a leads 1", "b leads 2"]);
  a.seat.isCut = false;
  await time.pass(2_000);
  assert.deepEqual(told, ["a leads 1", "b leads 2", "a no more 1"]);
  assert.deepEqual([a.elector.term, b.elector.term], [undefined, 2]);
  const stopped = Promise.all([a.elector.stop(), b.elector.stop()]);
  await time.pass(500);
  await stopped;
});

Deno.test("a leader whose lease is renewed late leads again, if nobody else has led meanwhile", async () => {
  const { time, told, a } = open();
  a.elector.start();
  await time.pass(5_000);
  a.seat.isCut = true;
  await time.pass(6_000);
  assert.deepEqual([a.elector.term, a.elector.held], [undefined, 1]);
  a.seat.isCut = false;
  await time.pass(1_000);
  assert.equal(a.elector.term, 1);
  assert.deepEqual(told, ["a leads 1", "a again 1"]);
  a.seat.isCut = true;
  await time.pass(14_000);
  assert.deepEqual(told, ["a leads 1", "a again 1", "a no more 1"]);
  a.seat.isCut = false;
  const stopped = a.elector.stop();
  await time.pass(500);
  await stopped;
});

Deno.test("a leader whose seat is shaken decides nothing until it is renewed", async () => {
  const { time, told, a } = open();
  a.elector.start();
  await time.pass(1_000);
  assert.equal(a.elector.term, 1);
  a.seat.onShaken?.();
  assert.equal(a.elector.term, undefined);
  await time.pass(300);
  assert.equal(a.elector.term, 1);
  assert.deepEqual(told, ["a leads 1", "a again 1"]);
  const stopped = a.elector.stop();
  await time.pass(500);
  await stopped;
});

Deno.test("a leader that retires takes the seat no more, and looks who has it", async () => {
  const { time, told, a, b } = open();
  a.elector.start();
  await time.pass(100);
  b.elector.start();
  await time.pass(1_000);
  const retired = a.elector.retire(true);
  await time.pass(1_000);
  await retired;
  assert.deepEqual(told, ["a leads 1", "b leads 2"]);
  assert.equal(a.elector.seen?.url, "http://b");
  const stopped = Promise.all([a.elector.stop(), b.elector.stop()]);
  await time.pass(1_000);
  await stopped;
  assert.equal(a.elector.seen?.url, "http://b");
});

Deno.test("a leader that stood still does not lead when it goes on, whatever its timers have missed", async () => {
  const { time, a } = open();
  a.elector.start();
  await time.pass(100);
  assert.equal(a.elector.term, 1);
  // Longer than its lease in one go: nothing has run meanwhile.
  const seen: (number | undefined)[] = [];
  time.after(3_600, () => seen.push(a.elector.term));
  await time.pass(3_600, 3_600);
  assert.deepEqual(seen, [undefined]);
  const stopped = a.elector.stop();
  await time.pass(500);
  await stopped;
});

Deno.test("a leader that stops gives its seat to the next one at once", async () => {
  const { time, told, a, b } = open();
  a.elector.start();
  await time.pass(100);
  b.elector.start();
  await time.pass(1_000);
  const stopped = a.elector.stop();
  await time.pass(400);
  await stopped;
  assert.deepEqual(told, ["a leads 1", "a no more 1", "b leads 2"]);
  const end = b.elector.stop();
  await time.pass(500);
  await end;
});
