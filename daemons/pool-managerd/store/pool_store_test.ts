import assert from "node:assert/strict";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { WorkerExit } from "#shared/contracts/pool.ts";
import { delay } from "#shared/lifecycle.ts";
import { workerRecord } from "../testdata/records.ts";
import type { PoolStore } from "../supervisor/pool_store.ts";
import { openPoolStore } from "./pool_store.ts";

function withStore(
  test: (store: PoolStore, reopen: () => Promise<PoolStore>) => Promise<void>,
): () => Promise<void> {
  return async () => {
    const dir = await Deno.makeTempDir();
    const open = () => openPoolStore(join(dir, "pool.db"));
    let store = open();
    try {
      await test(store, async () => {
        await store.close();
        return store = open();
      });
    } finally {
      await store.close();
      await Deno.remove(dir, { recursive: true });
    }
  };
}

function exit(worker_id: string): WorkerExit {
  const at = "2026-01-01T00:00:00.000Z";
  return { worker_id, exit_code: 1, signal: null, category: "crash", at, detail: "why" };
}

Deno.test(
  "a worker is read as it was written, after a restart too",
  withStore(async (store, reopen) => {
    const record = workerRecord({ pid: null, start_time: null });
    await store.addWorker(record, 1);
    const ready = workerRecord({
      uri: "http://127.0.0.1:8001",
      callback: "{}",
      capabilities: ["generate"],
      memory_bytes: 7,
      device: "cuda0.cuda1",
      shares: { cuda0: 3, cuda1: 4, cpu: 5 },
      life: { state: "ready", deadline: null, cause: null, killed: false },
    });
    store.updateWorker(ready);
    assert.deepEqual((await reopen()).workers().map((each) => ({ ...each })), [ready]);
  }),
);

Deno.test(
  "an exit replaces the worker, once, until it is acknowledged",
  withStore(async (store, reopen) => {
    await store.addWorker(workerRecord(), 1);
    store.recordExit(exit("w-1"));
    store.recordExit(exit("w-1"));
    store.updateWorker(workerRecord());
    assert.deepEqual(store.workers(), []);
    const again = await reopen();
    assert.deepEqual(again.exits(), [exit("w-1")]);
    again.acknowledge(["w-1", "unknown"]);
    assert.deepEqual(again.exits(), []);
  }),
);

Deno.test(
  "a request keeps its worker after the worker's end and after a restart",
  withStore(async (store, reopen) => {
    await store.addWorker(workerRecord(), 1);
    store.recordExit(exit("w-1"));
    assert.equal((await reopen()).workerOfRequest("r-1"), "w-1");
  }),
);

Deno.test(
  "a worker that was never started leaves nothing behind",
  withStore(async (store) => {
    await store.addWorker(workerRecord(), 1);
    store.dropWorker(workerRecord());
    assert.deepEqual(store.workers(), []);
    assert.equal(store.workerOfRequest("r-1"), undefined);
  }),
);

Deno.test(
  "exits and requests are bounded; the oldest are removed first",
  withStore(async (store) => {
    for (let n = 0; n < 1010; n++) {
      await store.addWorker(workerRecord({ worker_id: `w-${n}`, request_id: `r-${n}` }), n);
      store.recordExit(exit(`w-${n}`));
    }
    assert.equal(store.exits().length, 200);
    assert.equal(store.exits()[0]?.worker_id, "w-810");
    assert.equal(store.workerOfRequest("r-9"), undefined);
    assert.equal(store.workerOfRequest("r-10"), "w-10");
  }),
);

Deno.test(
  "the memory of loads is remembered for each of their settings, newest first",
  withStore(async (store, reopen) => {
    const load = { device_kind: "cuda", context: 1, slots: 1, gpu_layers: null } as const;
    store.measure("f", { ...load, memory_bytes: 1 });
    store.measure("f", { ...load, gpu_layers: 7, memory_bytes: 2 });
    store.measure("g", { ...load, memory_bytes: 3 });
    store.measure("f", { ...load, memory_bytes: 4 });
    assert.deepEqual(
      (await reopen()).measurements(),
      new Map([
        ["f", [{ ...load, memory_bytes: 4 }, { ...load, gpu_layers: 7, memory_bytes: 2 }]],
        ["g", [{ ...load, memory_bytes: 3 }]],
      ]),
    );
  }),
);

Deno.test(
  "a write that a crash interrupted is lost completely, and earlier writes are kept",
  async () => {
    const dir = await Deno.makeTempDir();
    try {
      const path = join(dir, "pool.db");
      const store = openPoolStore(path);
      const sizes: number[] = [];
      for (let n = 0; n < 4; n++) {
        await store.addWorker(workerRecord({ worker_id: `w-${n}`, request_id: `r-${n}` }), n);
        sizes.push((await Deno.stat(path + "-wal")).size);
      }
      const wal = await Deno.readFile(path + "-wal");
      const main = await Deno.readFile(path);
      // Cuts the log within each of the last writes, at their start, and with garbage in place of
      // the rest.
      for (let end = sizes[0]!; end < wal.length; end += 1_500) {
        for (const tail of [new Uint8Array(), crypto.getRandomValues(new Uint8Array(900))]) {
          const copy = join(dir, `copy-${end}-${tail.length}.db`);
          await Deno.writeFile(copy, main);
          await Deno.writeFile(copy + "-wal", new Uint8Array([...wal.subarray(0, end), ...tail]));
          const whole = sizes.filter((size) => size <= end).length;
          const again = openPoolStore(copy);
          const ids = again.workers().map((worker) => worker.worker_id);
          assert.deepEqual(ids, ["w-0", "w-1", "w-2", "w-3"].slice(0, whole), `cut at ${end}`);
          for (const id of ids) assert.equal(again.workerOfRequest(id.replace("w", "r")), id);
          await again.close();
        }
      }
      await store.close();
    } finally {
      await Deno.remove(dir, { recursive: true });
    }
  },
);

Deno.test("a file that is not a database is refused with what to do, which needs no backup", () => {
  const dir = Deno.makeTempDirSync();
  try {
    const path = join(dir, "pool.db");
    Deno.writeTextFileSync(
      path,
      "not a database, though long enough to look like one. ".repeat(20),
    );
    assert.throws(() => openPoolStore(path), (error: Error) => {
      assert.match(
        error.message,
        /pool\.db: it is damaged \(.+\); move it away to start afresh: only/,
      );
      return !error.message.includes("backup");
    });
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
});

Deno.test("while another program locks the file, what is written is known, and is in the file later", async () => {
  const dir = await Deno.makeTempDir();
  const path = join(dir, "pool.db");
  const store = openPoolStore(path);
  const lock = new DatabaseSync(path);
  try {
    await store.addWorker(workerRecord(), 1);
    lock.exec("BEGIN IMMEDIATE");
    const second = workerRecord({ worker_id: "w-2", request_id: "r-2" });
    let isAdded = false;
    const added = store.addWorker(second, 2).then(() => isAdded = true);
    store.recordExit(exit("w-1"));
    await delay(1);
    assert.deepEqual(store.exits(), [exit("w-1")]);
    assert.equal(store.workerOfRequest("r-2"), "w-2");
    // The worker's process is started only once the file has the worker.
    assert.equal(isAdded, false);
    lock.exec("ROLLBACK");
    await added;
    assert.deepEqual(
      lock.prepare("SELECT worker_id FROM workers").all().map((row) => ({ ...row })),
      [
        { worker_id: "w-2" },
      ],
    );
  } finally {
    lock.close();
    await store.close();
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test(
  "what the engine said of a load is read after a restart, the newest answer, and not for other keys",
  withStore(async (store, reopen) => {
    store.keepEstimate("one", { device_bytes: 1, host_bytes: 2 });
    const two = { device_bytes: 3, device_shares: [1, 2], host_bytes: 4 };
    store.keepEstimate("two", two);
    store.keepEstimate("one", { device_bytes: 2 ** 40, host_bytes: 0 });
    const next = await reopen();
    assert.deepEqual(next.estimate("one"), { device_bytes: 2 ** 40, host_bytes: 0 });
    assert.deepEqual(next.estimate("two"), two);
    assert.equal(next.estimate("three"), undefined);
  }),
);
