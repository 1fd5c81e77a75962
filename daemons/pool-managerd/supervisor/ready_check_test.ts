import assert from "node:assert/strict";
import type { WorkerReady } from "#shared/contracts/pool.ts";
import { LlorchError } from "#shared/errors.ts";
import { FINGERPRINT, workerRecord } from "../testdata/records.ts";
import { callbackKey, checkReady } from "./ready_check.ts";

function callback(changes: Partial<WorkerReady> = {}): WorkerReady {
  return {
    worker_id: "w-1",
    spawn_token: "spawn-token",
    uri: "http://127.0.0.1:8001",
    model_ref: "demo",
    fingerprint: FINGERPRINT,
    memory_bytes: 1,
    context: 128,
    slots: 2,
    capabilities: ["generate"],
    backend: "cpu",
    pid: 4711,
    ...changes,
  };
}

const HOST = "127.0.0.1";
const is = (code: string) => (error: unknown) =>
  error instanceof LlorchError && error.code === code;

Deno.test("the first expected callback is new", () => {
  assert.equal(checkReady(workerRecord(), callback(), HOST), "new");
});

Deno.test("a wrong spawn token is forbidden, whatever else is right", () => {
  assert.throws(
    () => checkReady(workerRecord(), callback({ spawn_token: "x" }), HOST),
    is("FORBIDDEN"),
  );
});

Deno.test("the same callback again is a repeat, in any order of its fields; another one is forbidden", () => {
  const life = { state: "ready", deadline: null, cause: null, killed: false } as const;
  const record = workerRecord({ callback: callbackKey(callback()), life });
  const reversed = Object.fromEntries(
    Object.entries(callback()).reverse(),
  ) as unknown as WorkerReady;
  assert.equal(checkReady(record, reversed, HOST), "repeat");
  assert.throws(() => checkReady(record, callback({ pid: 1 }), HOST), is("FORBIDDEN"));
});

Deno.test("the stored form of a callback does not have the token", () => {
  assert.ok(!callbackKey(callback()).includes("spawn-token"));
});

Deno.test("another model than the requested one is a conflict", () => {
  assert.throws(
    () => checkReady(workerRecord(), callback({ model_ref: "x" }), HOST),
    is("CONFLICT"),
  );
  const fingerprint = "0".repeat(64);
  assert.throws(() => checkReady(workerRecord(), callback({ fingerprint }), HOST), is("CONFLICT"));
});

for (
  const uri of [
    "http://10.0.0.1:8001",
    "http://127.0.0.1:8002",
    "https://127.0.0.1:8001",
    "http://127.0.0.1:8001/path",
    "http://u:p@127.0.0.1:8001",
  ]
) {
  Deno.test(`an address that we did not choose is a conflict: ${uri}`, () => {
    assert.throws(() => checkReady(workerRecord(), callback({ uri }), HOST), is("CONFLICT"));
  });
}

Deno.test("a worker that chose its own port, on all addresses, is accepted", () => {
  const record = workerRecord({ port: 0 });
  assert.equal(checkReady(record, callback({ uri: "http://127.0.0.1:4000" }), "0.0.0.0"), "new");
  assert.equal(checkReady(record, callback({ uri: "http://[::1]:4000" }), "::1"), "new");
});

Deno.test("a worker that is stopping does not become ready", () => {
  const life = { state: "stopping", deadline: 1, cause: "stop", killed: false } as const;
  assert.throws(() => checkReady(workerRecord({ life }), callback(), HOST), is("CONFLICT"));
});
