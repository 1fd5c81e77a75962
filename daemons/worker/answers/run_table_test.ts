import assert from "node:assert/strict";
import { LlorchError } from "#shared/errors.ts";
import { delay } from "#shared/lifecycle.ts";
import { until } from "../testing/generator.ts";
import { RunTable, type TableRun } from "./run_table.ts";

/** A run that leaves its table when it ends, as a real one does. */
class FakeRun implements TableRun {
  readonly errors: LlorchError[] = [];
  /** Number of checks whether its reader is still there. */
  looks = 0;
  reports = 0;
  readonly answer: TableRun["answer"];

  constructor(table: RunTable<FakeRun>, jobId: string, attempt = 1, epoch = 0) {
    this.answer = {
      spec: { jobId, epoch, attempt, workerId: "w", modelRef: "m", resumeIndex: 0, seed: 7 },
      fail: (error) => {
        this.errors.push(error);
        table.remove(this);
      },
      requireReader: () => this.looks++,
      report: () => this.reports++,
    };
  }

  /** Codes of the errors that ended it. */
  get codes(): string[] {
    return this.errors.map(({ code }) => code);
  }
}

/** A table with room for two waiting runs; by default it never reports. */
async function using(
  work: (
    table: RunTable<FakeRun>,
    add: (jobId: string, attempt?: number, epoch?: number) => FakeRun,
  ) => unknown,
  { reportMs = 60_000, isComputing = (): boolean => true } = {},
): Promise<void> {
  const table = new RunTable<FakeRun>(2, reportMs, isComputing);
  try {
    await work(table, (jobId, attempt, epoch) => {
      const run = new FakeRun(table, jobId, attempt, epoch);
      table.add(run, 0);
      return run;
    });
  } finally {
    table.close();
  }
}

const order = (jobId: string, attempt = 1, epoch = 0) => ({ jobId, epoch, attempt });

const codeIs = (code: string) => (error: unknown) =>
  error instanceof LlorchError && error.code === code;

Deno.test("runs are taken first come first served, and stay until they end", () =>
  using((table, add) => {
    const [first, second] = [add("a"), add("b")];
    assert.deepEqual([table.waiting, table.size], [2, 2]);
    assert.equal(table.takeNext(), first);
    assert.equal(table.takeNext(), second);
    assert.equal(table.takeNext(), undefined);
    assert.deepEqual([table.waiting, table.all()], [0, [first, second]]);
    table.remove(first);
    assert.deepEqual(table.all(), [second]);
  }));

Deno.test("more runs than the queue and the free slots take are refused", () =>
  using((table, add) => {
    table.check(order("a"), 0);
    add("a");
    add("b");
    table.check(order("c"), 1);
    assert.throws(() => table.check(order("c"), 0), (error: unknown) => {
      assert.ok(error instanceof LlorchError);
      assert.deepEqual([error.code, error.retryAfterMs], ["QUEUE_FULL", 1000]);
      return true;
    });
    assert.throws(() => add("c"), codeIs("QUEUE_FULL"));
    assert.equal(table.size, 2);
    table.takeNext();
    table.check(order("c"), 0);
  }));

Deno.test("a higher attempt of a job replaces the one that is here, though the queue is full", () =>
  using((table, add) => {
    const old = add("a", 2);
    const other = add("b");
    table.check(order("a", 3), 0);
    const next = add("a", 3);
    assert.deepEqual([old.codes, other.codes, next.codes], [["CANCELLED"], [], []]);
    assert.equal(table.waiting, 2);
    // A replaced run may report its end late.
    table.remove(old);
    assert.deepEqual(table.all(), [other, next]);
  }));

Deno.test("an attempt of a job is refused while that one or a higher one is here", () =>
  using((table, add) => {
    const run = add("a", 2);
    for (const attempt of [1, 2]) {
      assert.throws(() => table.check(order("a", attempt), 4), codeIs("CONFLICT"));
      assert.throws(() => add("a", attempt), codeIs("CONFLICT"));
    }
    assert.deepEqual([run.codes, table.all()], [[], [run]]);
  }));

Deno.test("an attempt of a later epoch replaces any of an earlier one, which is refused then", () =>
  using((table, add) => {
    const old = add("a", 7);
    const next = add("a", 1, 1);
    assert.deepEqual([old.codes, next.codes], [["CANCELLED"], []]);
    assert.throws(() => table.check(order("a", 8), 4), /attempt 1 of a later start of the orch/);
    assert.throws(() => add("a", 8), codeIs("CONFLICT"));
    table.cancel(order("a", 8));
    assert.deepEqual(next.codes, []);
    table.cancel(order("a", 1, 2));
    assert.deepEqual(next.codes, ["CANCELLED"]);
  }));

Deno.test("a cancel ends that attempt of its job or an earlier one, waiting or not", () =>
  using((table, add) => {
    const [taken, waiting] = [add("a", 2), add("b")];
    table.takeNext();
    table.cancel(order("a", 1));
    table.cancel(order("other"));
    assert.deepEqual([taken.codes, waiting.codes], [[], []]);
    table.cancel(order("a", 2));
    table.cancel(order("b", 2));
    assert.deepEqual([taken.codes, waiting.codes], [["CANCELLED"], ["CANCELLED"]]);
    assert.deepEqual([table.size, table.takeNext()], [0, undefined]);
  }));

Deno.test("failAll() ends every run so that it can continue elsewhere", () =>
  using((table, add) => {
    const runs = [add("a"), add("b")];
    table.takeNext();
    table.failAll("The engine broke");
    for (const { errors: [error, ...more] } of runs) {
      assert.deepEqual([error?.code, error?.retriable, more], ["WORKER_LOST", true, []]);
      assert.equal(error?.message, "The engine broke");
    }
    assert.equal(table.size, 0);
  }));

Deno.test({
  name: "drain() ends with the last run, cuts none off, and leaves no timer",
  sanitizeOps: true,
  fn: () =>
    using(async (table, add) => {
      const began = performance.now();
      const order: string[] = [];
      const [first, last] = [add("a"), add("b")];
      const drained = table.drain(60_000).then(() => order.push("drained"));
      table.remove(first);
      await delay(0);
      order.push("the last ends");
      table.remove(last);
      await drained;
      assert.deepEqual(order, ["the last ends", "drained"]);
      assert.deepEqual([first.codes, last.codes], [[], []]);
      await table.drain(60_000);
      assert.ok(performance.now() - began < 30_000);
    }),
});

Deno.test("drain() cuts what has not ended at its deadline", () =>
  using(async (table, add) => {
    const run = add("a");
    const drained = table.drain(1);
    assert.deepEqual(run.codes, []);
    await until(() => run.errors.length > 0);
    await drained;
    assert.deepEqual([run.codes, table.size], [["WORKER_LOST"], 0]);
  }));

Deno.test("readers are always checked, reports are sent only while a run computes", () => {
  let isComputing = false;
  return using(async (_table, add) => {
    const run = add("a");
    await until(() => run.looks >= 3);
    assert.equal(run.reports, 0);
    isComputing = true;
    await until(() => run.reports >= 3);
    assert.ok(run.looks >= run.reports + 3);
  }, { reportMs: 1, isComputing: () => isComputing });
});

Deno.test("nothing is reported of a run that has ended, nor by a table that is closed", () =>
  using(async (table, add) => {
    const [ended, going] = [add("a"), add("b")];
    table.remove(ended);
    await until(() => going.reports >= 3);
    assert.equal(ended.reports, 0);
    table.close();
    const { reports } = going;
    await using(async (_other, add) => {
      const later = add("a");
      await until(() => later.reports >= 3);
    }, { reportMs: 1 });
    assert.equal(going.reports, reports);
  }, { reportMs: 1 }));

Deno.test("a table that drains is not idle while one attempt replaces another, and then takes nothing", () =>
  using(async (table, add) => {
    add("a");
    const drained = table.drain(60_000);
    const second = add("a", 2);
    assert.deepEqual(second.codes, []);
    table.remove(second);
    await drained;
    assert.throws(() => add("b"), codeIs("NOT_READY"));
  }));
