import assert from "node:assert/strict";
import type { EngineEstimate } from "#shared/models/engine_estimate.ts";
import { FakeClock } from "../../../tests/support/fake_clock.ts";
import { recordingLogger } from "../testdata/log.ts";
import { poolModel } from "../testdata/records.ts";
import { type EngineBytes, Estimates, type EstimatesOptions } from "./estimates.ts";
import type { LoadSettings } from "./measurement.ts";

const MODEL = poolModel();
const { fingerprint } = MODEL;
const LOAD: LoadSettings = { device_kind: "cpu", context: 256, slots: 4, gpu_layers: null };
const memory = (device_bytes: number): EngineEstimate => ({
  memory: { device_bytes, host_bytes: 0, parts: {} },
});

/** Estimates whose engine says `answers`, in turn. */
function open(answers: EngineEstimate[], changes: Partial<EstimatesOptions> = {}) {
  const stored = new Map<string, EngineBytes>();
  const asked: LoadSettings[] = [];
  const counted: string[] = [];
  const log = recordingLogger();
  const clock = new FakeClock();
  const state = { identity: "one" as string | undefined, running: 0, most: 0 };
  const changed = { count: 0, wake: () => {} };
  const create = () =>
    new Estimates({
      async ask(_model, load) {
        asked.push(load);
        state.most = Math.max(state.most, ++state.running);
        await Promise.resolve();
        state.running--;
        return answers.shift() ?? { problem: "no more answers" };
      },
      identity: () => Promise.resolve(state.identity),
      loads: () => [LOAD],
      stored: (key) => stored.get(key),
      store: (key, figure) => stored.set(key, figure),
      isBusy: () => false,
      clock,
      log,
      counted: (outcome) => counted.push(outcome),
      onChange() {
        changed.count++;
        changed.wake();
      },
      ...changes,
    });
  return {
    ...{ asked, counted, log, clock, state, stored, create },
    estimates: create(),
    /** Resolves after some answers in all. */
    async answered(count: number): Promise<void> {
      while (changed.count < count) {
        await new Promise<void>((resolve) => changed.wake = resolve);
      }
    },
  };
}

Deno.test("the default load and each one in use get a figure, one after the other", async () => {
  const { estimates, answered, asked, counted, state } = open([memory(10), memory(20)]);
  estimates.refresh([MODEL]);
  await answered(1);
  const other = { ...LOAD, slots: 8 };
  estimates.use(fingerprint, other);
  estimates.use(fingerprint, LOAD);
  await answered(2);
  assert.deepEqual(asked, [LOAD, other]);
  assert.equal(state.most, 1);
  assert.deepEqual(estimates.describe(fingerprint), {
    engine_figures: [
      { ...LOAD, device_bytes: 10, host_bytes: 0 },
      { ...other, device_bytes: 20, host_bytes: 0 },
    ],
  });
  assert.deepEqual(counted, ["engine", "engine"]);
  await estimates.close();
});

Deno.test("what the engine has said is kept beyond a restart, until what it depends on changes", async () => {
  const { estimates, create, answered, asked, state } = open([memory(10), memory(30)]);
  estimates.refresh([MODEL]);
  await answered(1);
  await estimates.close();
  const next = create();
  next.refresh([MODEL]);
  await answered(2);
  assert.equal(next.figures(fingerprint)[0]?.device_bytes, 10);
  assert.equal(asked.length, 1, "nothing was asked again");
  state.identity = "another file";
  next.refresh([MODEL]);
  await answered(3);
  assert.deepEqual(next.figures(fingerprint).map(({ device_bytes }) => device_bytes), [30]);
  await next.close();
});

Deno.test("what the engine does not say is logged and not asked again; what is known stays", async () => {
  const { estimates, answered, asked, log, counted } = open([
    memory(10),
    { problem: "it ended by SIGSEGV" },
  ]);
  estimates.refresh([MODEL]);
  await answered(1);
  estimates.use(fingerprint, { ...LOAD, slots: 8 });
  await answered(2);
  estimates.refresh([MODEL]);
  await estimates.close();
  assert.equal(asked.length, 2);
  const { engine_figures, estimate_problem } = estimates.describe(fingerprint);
  assert.equal(engine_figures?.length, 1);
  assert.equal(estimate_problem, "it ended by SIGSEGV");
  assert.deepEqual(counted, ["engine", "failed"]);
  assert.ok(
    log.lines.some(({ event, fields }) =>
      event === "memory_not_estimated" && fields["reason"] === "it ended by SIGSEGV"
    ),
  );
});

Deno.test("nobody is asked about a model of another engine, or while a model is loaded", async () => {
  let isBusy = true;
  const looked = Promise.withResolvers<void>();
  const { estimates, answered, asked, clock, state } = open([memory(10)], {
    isBusy() {
      looked.resolve();
      return isBusy;
    },
  });
  state.identity = undefined;
  estimates.refresh([MODEL]);
  await Promise.resolve();
  state.identity = "one";
  estimates.refresh([MODEL]);
  await looked.promise;
  assert.deepEqual(asked, []);
  isBusy = false;
  clock.advance(1_000);
  await answered(1);
  assert.equal(asked.length, 1);
  await estimates.close();
});

Deno.test("a running child is stopped when the pool manager stops", async () => {
  const begun = Promise.withResolvers<void>();
  const { estimates } = open([], {
    ask: (_model, _load, signal) =>
      new Promise((resolve) => {
        signal.addEventListener("abort", () => resolve({ problem: "killed" }));
        begun.resolve();
      }),
  });
  estimates.refresh([MODEL]);
  await begun.promise;
  await estimates.close();
  assert.deepEqual(estimates.describe(fingerprint), {});
});

Deno.test("an answer on a load of several GPUs counts only if it says what each of them holds", async () => {
  const split = { mode: "layer", layers: [5, 4] };
  const { estimates, answered, stored } = open([
    memory(10),
    { memory: { device_bytes: 20, device_shares: [12, 8], host_bytes: 0, parts: {} } },
    memory(20),
  ]);
  estimates.refresh([MODEL]);
  await answered(1);
  estimates.use(fingerprint, { ...LOAD, split });
  await answered(2);
  const figure = { ...LOAD, split, device_bytes: 20, device_shares: [12, 8], host_bytes: 0 };
  assert.deepEqual(estimates.figures(fingerprint)[1], figure);
  assert.equal(stored.size, 2);
  estimates.use(fingerprint, { ...LOAD, split: { ...split, layers: [4, 5] } });
  await answered(3);
  const { engine_figures, estimate_problem } = estimates.describe(fingerprint);
  assert.equal(engine_figures?.length, 2);
  assert.equal(estimate_problem, "it does not say what each GPU would hold");
  await estimates.close();
});
