import assert from "node:assert/strict";
import { join } from "node:path";
import { poolConfig } from "../config.ts";
import { FakeClock } from "../../../tests/support/fake_clock.ts";
import { recordingLogger } from "../testdata/log.ts";
import { openSavedSlots } from "./saved_slots.ts";

const KEY = "a".repeat(64);

/** A worker whose slots have the given sizes in bytes; all were last used now. */
function fakeWorker(clock: FakeClock, slots: readonly (number | "busy" | "hangs")[]) {
  const restored: string[] = [];
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, async (request) => {
    const [, , n, action] = new URL(request.url).pathname.split("/");
    const { path } = await request.json();
    if (action === "restore") {
      restored.push(await Deno.readTextFile(path));
      return Response.json({ tokens: 5 });
    }
    const held = slots[Number(n)]!;
    if (held === "hangs") {
      await Deno.writeTextFile(path, "half of it");
      await new Promise((resolve) => request.signal.addEventListener("abort", resolve));
      return new Response();
    }
    if (held === "busy") {
      const error = { code: "CONFLICT", message: "no", retriable: false, correlation_id: "x" };
      return Response.json({ error }, { status: 409 });
    }
    if (held > 0) {
      await Deno.writeTextFile(path, n!.repeat(held), { mode: 0o600 });
      await Deno.utime(path, new Date(clock.now()), new Date(clock.now()));
    }
    return Response.json({ tokens: held, bytes: held, key: KEY });
  });
  return {
    restored,
    holder: (worker_id: string) => ({
      worker_id,
      uri: `http://127.0.0.1:${server.addr.port}`,
      token: "token",
      slots: slots.length,
    }),
    close: () => server.shutdown(),
  };
}

async function withDir(work: (dir: string) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir({ prefix: "llorch-test-" });
  try {
    await work(join(dir, "slots"));
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

function open(dir: string, clock: FakeClock, settings: Record<string, number> = {}) {
  const { saved_slots: config } = poolConfig.parse({
    saved_slots: { max_bytes: 1000, expire_ms: 5_000, ...settings },
  });
  const log = recordingLogger();
  return { slots: openSavedSlots({ dir, config, clock, log }), log };
}

const modeOf = async (path: string) => (await Deno.stat(path)).mode! & 0o777;
const names = (dir: string) => [...Deno.readDirSync(dir)].map(({ name }) => name).sort();

Deno.test("idle slots are saved once, completely, and given to one worker with the same key", () =>
  withDir(async (dir) => {
    const clock = new FakeClock();
    const worker = fakeWorker(clock, [3, "busy", 0, 4]);
    const slots = open(dir, clock).slots!;
    await slots.save(worker.holder("w-old"), 1_000);
    assert.deepEqual(await slots.restore(worker.holder("w-x"), "b".repeat(64)), []);
    const two = [worker.holder("w-new"), worker.holder("w-other")] as const;
    const [one, again, other] = await Promise.all([
      slots.restore(two[0], KEY),
      slots.restore(two[0], KEY),
      slots.restore(two[1], KEY),
    ]);
    assert.deepEqual(one, ["w-old"]);
    assert.equal(again, one);
    assert.deepEqual(other, []);
    assert.deepEqual(worker.restored.sort(), ["000", "3333"]);
    assert.deepEqual(names(dir), []);
    await slots.close();
    await worker.close();
  }));

Deno.test("saved slots are the user's alone, keep to the quota and go when they expire", () =>
  withDir(async (dir) => {
    const clock = new FakeClock();
    const worker = fakeWorker(clock, [400]);
    const { slots, log } = open(dir, clock);
    for (const id of ["w-1", "w-2", "w-3"]) {
      await slots!.save(worker.holder(id), 1_000);
      await slots!.close();
      clock.advance(1_000);
    }
    // After a close nothing more is erased; the next start erases it.
    const next = open(dir, clock).slots!;
    assert.deepEqual(names(dir), [`${KEY}-w-2-0.slot`, `${KEY}-w-3-0.slot`]);
    assert.equal(next.bytes, 800);
    assert.equal(await modeOf(dir), 0o700);
    assert.equal(await modeOf(join(dir, names(dir)[0]!)), 0o600);
    clock.advance(3_000);
    assert.deepEqual(names(dir), [`${KEY}-w-3-0.slot`]);
    next.limit(4_100);
    assert.equal(names(dir).length, 1);
    clock.advance(100);
    assert.deepEqual(names(dir), [], "slots are not kept longer than the orchestrator keeps jobs");
    assert.equal(clock.pending, 0);
    assert.equal(log.lines.filter(({ level }) => level !== "info").length, 0);
    await next.close();
    await worker.close();
  }));

Deno.test("a worker that does not save in time is not waited for, and leaves no partial file", () =>
  withDir(async (dir) => {
    const clock = new FakeClock();
    const worker = fakeWorker(clock, [5, "hangs", 5]);
    // Long enough for the first slot to be saved on a busy machine.
    const { slots, log } = open(dir, clock, { timeout_ms: 3_000 });
    await slots!.save(worker.holder("w-1"), 10_000);
    await slots!.close();
    assert.deepEqual(names(dir), [`${KEY}-w-1-0.slot`]);
    assert.ok(log.lines.some(({ event }) => event === "slots_not_saved"));
    await worker.close();
  }));

Deno.test("what a crash left half done is removed at the next start, and everything once it is off", () =>
  withDir(async (dir) => {
    const clock = new FakeClock();
    await open(dir, clock).slots!.close();
    const half = [`${KEY}-w-1-0.slot.part`, "w-1-1.part"];
    for (const name of half) await Deno.writeTextFile(join(dir, name), "half");
    const whole = join(dir, `${KEY}-w-1-2.slot`);
    await Deno.writeTextFile(whole, "whole");
    await Deno.utime(whole, new Date(clock.now()), new Date(clock.now()));
    await open(dir, clock).slots!.close();
    assert.deepEqual(names(dir), [`${KEY}-w-1-2.slot`]);
    assert.equal(open(dir, clock, { max_bytes: 0 }).slots, undefined);
    assert.throws(() => names(dir), Deno.errors.NotFound);
    assert.equal(poolConfig.parse({}).saved_slots.max_bytes, 0, "off by default");
  }));
