import assert from "node:assert/strict";
import type { Device } from "#shared/contracts/pool.ts";
import { LlorchError } from "#shared/errors.ts";
import { poolModel, spawnRequest } from "../testdata/records.ts";
import { planSpawn, type SpawnFacts } from "./spawn_plan.ts";

const device = (id: string, kind: Device["kind"], free_bytes: number): Device => ({
  id,
  kind,
  name: id,
  total_bytes: 10_000_000,
  free_bytes,
});

const NOTHING = { measured: [], said: [] };

function facts(changes: Partial<SpawnFacts> = {}): SpawnFacts {
  return {
    models: [poolModel()],
    devices: [device("cuda0", "cuda", 5_000_000), device("cpu", "cpu", 9_000_000)],
    workers: [],
    known: NOTHING,
    engines: {},
    settings: {},
    defaults: { context: 4096, slots: 4 },
    estimate: (model, { context, slots }) =>
      model.weight_bytes + model.kv_bytes_per_token * context * slots,
    ...changes,
  };
}

const fails = (code: string, text: RegExp) => (error: unknown) =>
  error instanceof LlorchError && error.code === code && text.test(error.message);

Deno.test("a spawn without settings gets the first GPU, the model's context and the default slots", () => {
  const plan = planSpawn(spawnRequest(), facts());
  assert.equal(plan.device.id, "cuda0");
  assert.deepEqual([plan.context, plan.slots], [256, 4]);
  assert.equal(plan.estimateBytes, 2_000_000 + 100 * 256 * 4);
  assert.equal(plan.modelPath, "/models/demo.gguf");
});

Deno.test("without a GPU a spawn gets the CPU, and a big model the default context", () => {
  const plan = planSpawn(
    spawnRequest(),
    facts({
      devices: [device("cpu", "cpu", 9_000_000)],
      models: [poolModel({ context_length: 131_072 })],
    }),
  );
  assert.equal(plan.device.id, "cpu");
  assert.equal(plan.context, 4096);
});

Deno.test("a spawn gets the settings that it names", () => {
  const request = spawnRequest({ device: "cpu", context: 64, slots: 1 });
  const plan = planSpawn(request, facts());
  assert.deepEqual([plan.device.id, plan.context, plan.slots], ["cpu", 64, 1]);
});

Deno.test("the fingerprint finds a model whatever its name is on this host", () => {
  const plan = planSpawn(spawnRequest({ model_ref: "called-otherwise" }), facts());
  assert.equal(plan.request.model_ref, "called-otherwise");
});

Deno.test("a name of another file does not match the fingerprint", () => {
  const fingerprint = "0".repeat(64);
  for (const model_ref of ["demo", "small"]) {
    assert.throws(
      () => planSpawn(spawnRequest({ model_ref, fingerprint }), facts()),
      fails("MODEL_NOT_FOUND", /another one \(fingerprint f+\)/),
    );
  }
});

Deno.test("a missing model is refused with the command that downloads it", () => {
  assert.throws(
    () => planSpawn(spawnRequest({ model_ref: "org/big" }), facts({ models: [] })),
    fails("MODEL_NOT_FOUND", /"org\/big" on this pool; run llorch models download org\/big/),
  );
  assert.throws(
    () => planSpawn(spawnRequest({ model_ref: "file:/m/x.gguf" }), facts({ models: [] })),
    fails("MODEL_NOT_FOUND", /on this pool; put its file into a models folder of its host/),
  );
});

Deno.test("a missing device is refused with the list of devices; the CPU never replaces it", () => {
  assert.throws(
    () => planSpawn(spawnRequest({ device: "cuda1" }), facts()),
    fails("NOT_FOUND", /"cuda1": this pool has cuda0, cpu/),
  );
});

Deno.test("a GPU that cannot be used is passed over for another one, but not for the CPU", () => {
  const broken = { ...device("cuda0", "cuda", 0), unavailable: "It is not listed any more" };
  const cpu = device("cpu", "cpu", 9_000_000);
  const second = device("cuda1", "cuda", 9_000_000);
  const plan = (devices: Device[], request = spawnRequest()) =>
    planSpawn(request, facts({ devices }));
  assert.equal(plan([broken, second, cpu]).device.id, "cuda1");
  const reason = fails("WORKER_START_FAILED", /cuda0 \(cuda0\): It is not listed any more; .*name/);
  assert.throws(() => plan([broken, cpu]), reason);
  assert.throws(() => plan([broken, second], spawnRequest({ device: "cuda0" })), reason);
  assert.equal(plan([broken, cpu], spawnRequest({ device: "cpu" })).device.id, "cpu");
});

Deno.test("a spawn without enough memory is refused with the figures", () => {
  assert.throws(
    () => planSpawn(spawnRequest({ slots: 256 }), facts()),
    (error) =>
      error instanceof LlorchError && error.code === "INSUFFICIENT_MEMORY" &&
      error.details?.["needed_bytes"] === 2_000_000 + 100 * 256 * 256 &&
      error.details["free_bytes"] === 5_000_000 && (error.retryAfterMs ?? 0) > 0,
  );
});

Deno.test("memory measured in an earlier load on the same kind of device overrides the estimate", () => {
  const settings = { context: 256, slots: 4, gpu_layers: null, memory_bytes: 6_000_000 } as const;
  const known = { said: [], measured: [{ ...settings, device_kind: "cuda" as const }] };
  const estimate: SpawnFacts["estimate"] = (model) => model.measured?.memory_bytes ?? 1000;
  assert.throws(
    () => planSpawn(spawnRequest(), facts({ known, estimate })),
    fails("INSUFFICIENT_MEMORY", /6000000 bytes .* as an earlier load took, and 5000000 are free/),
  );
  const wider = facts({ known, estimate: () => 7_000_000 });
  assert.throws(
    () => planSpawn(spawnRequest({ slots: 8 }), wider),
    (error) =>
      error instanceof LlorchError && / as estimated from another load, /.test(error.message) &&
      error.details?.["measured"] === false,
  );
  const onCpu = planSpawn(spawnRequest({ device: "cpu" }), facts({ known, estimate }));
  assert.equal(onCpu.estimateBytes, 1000);
  const some = planSpawn(spawnRequest({ gpu_layers: 3 }), facts({ known, estimate }));
  assert.deepEqual([some.estimateBytes, some.gpuLayers], [1000, 3]);
});

Deno.test("a spawn is admitted by what the engine says, of its settings or of others", () => {
  const settings = { context: 256, slots: 4, gpu_layers: null, device_kind: "cuda" } as const;
  const said = [{ ...settings, device_bytes: 6_000_000, host_bytes: 0 }];
  const known = { measured: [], said };
  assert.throws(
    () => planSpawn(spawnRequest(), facts({ known })),
    fails("INSUFFICIENT_MEMORY", /6000000 bytes .* as llama\.cpp says, and 5000000 are free/),
  );
  const estimate: SpawnFacts["estimate"] = (model, { slots }) =>
    (model.measured?.memory_bytes ?? 0) + (slots - (model.measured?.slots ?? 0)) * 1000;
  assert.throws(
    () => planSpawn(spawnRequest({ slots: 8 }), facts({ known, estimate })),
    fails(
      "INSUFFICIENT_MEMORY",
      /6004000 bytes .* as estimated from what llama\.cpp says of another load, /,
    ),
  );
  const onCpu = planSpawn(spawnRequest({ device: "cpu" }), facts({ known, estimate }));
  assert.equal(onCpu.estimateBytes, 4000, "the figure of a GPU says nothing of the CPU");
});

Deno.test("layers that are not on the device must fit in the machine's memory", () => {
  const models = [poolModel({ block_count: 9, weight_bytes: 9_900_000 })];
  const request = spawnRequest({ gpu_layers: 0 });
  const estimate = () => 1000;
  assert.throws(
    () => planSpawn(request, facts({ models, estimate })),
    fails("INSUFFICIENT_MEMORY", /on cpu: it needs 10002400 bytes/),
  );
  assert.equal(planSpawn({ ...request, gpu_layers: 5 }, facts({ models, estimate })).gpuLayers, 5);
});

Deno.test("a model's configured layers are used if the spawn names none, but not on the CPU", () => {
  const models = [poolModel({ block_count: 9, gpu_layers: 5 })];
  const layers = (request = {}) => planSpawn(spawnRequest(request), facts({ models })).gpuLayers;
  assert.equal(layers(), 5);
  assert.equal(layers({ gpu_layers: 7 }), 7);
  assert.equal(layers({ device: "cpu" }), null);
  let load: unknown;
  const estimate: SpawnFacts["estimate"] = (_model, requested) => ((load = requested), 1000);
  planSpawn(spawnRequest(), facts({ models, estimate }));
  assert.deepEqual(load, { context: 256, slots: 4, gpuLayers: 5 });
});

Deno.test("memory that a loading worker has not used yet is not given twice", () => {
  const workers = [{ device: "cuda0", committed: 4_000_000, held: 0 }];
  assert.throws(
    () => planSpawn(spawnRequest(), facts({ workers })),
    fails("INSUFFICIENT_MEMORY", /./),
  );
});

Deno.test("a worker in front of a server elsewhere takes no memory, however little there is", () => {
  const elsewhere = { host: "gpu.example.org", is_outside: true, slots: 7 };
  const plan = planSpawn(
    spawnRequest(),
    facts({
      models: [poolModel({ elsewhere, context_length: 0 })],
      devices: [device("cuda0", "cuda", 5_000_000), device("cpu", "cpu", 0)],
    }),
  );
  assert.deepEqual(plan.device, { id: "cpu", kind: "cpu" });
  assert.deepEqual([plan.claims, plan.estimateBytes, plan.hostBytes], [[], 0, 0]);
  assert.deepEqual([plan.context, plan.slots], [131_072, 7]);
});
