import assert from "node:assert/strict";
import type { FoundModel, ScanResult } from "#shared/models/scan.ts";
import type { Measurement } from "./measurement.ts";
import { FakeClock } from "../../../tests/support/fake_clock.ts";
import { recordingLogger } from "../testdata/log.ts";
import { FINGERPRINT, poolModel } from "../testdata/records.ts";
import { Catalog } from "./catalog.ts";

function found(changes: Partial<FoundModel> = {}): FoundModel {
  const { staged: _, ...model } = poolModel();
  return { ...model, ...changes };
}

const LOAD = { context: 8, slots: 1, device_bytes: { cpu: 9 }, host_bytes: 0 };

function setup() {
  const clock = new FakeClock();
  const log = recordingLogger();
  const measurements = new Map<string, Measurement[]>();
  const disk = {
    models: [found()],
    problems: [] as ScanResult["problems"][number][],
    error: undefined as Error | undefined,
  };
  let changes = 0;
  const catalog = new Catalog({
    scan: () => {
      const { models, problems, error } = disk;
      return error
        ? Promise.reject(error)
        : Promise.resolve({ models: [...models], problems: [...problems] });
    },
    measurements: () => measurements,
    isStaged: () => false,
    measurementKey: ({ fingerprint }) => fingerprint,
    describeLoad: () => LOAD,
    describeEstimates: () => ({}),
    onScanned() {},
    rescanMs: 100,
    clock,
    log,
    onChange: () => changes++,
  });
  return { clock, log, measurements, disk, catalog, changes: () => changes };
}

Deno.test("the first scan gives revision 1, and a scan that finds the same changes nothing", async () => {
  const { catalog, changes } = setup();
  assert.equal(catalog.revision, 0);
  await catalog.rescan();
  await catalog.rescan();
  assert.equal(catalog.revision, 1);
  assert.equal(changes(), 1);
  assert.deepEqual(catalog.models, [poolModel({ default_load: LOAD })]);
  await catalog.close();
});

Deno.test("a new file is found by the next regular scan", async () => {
  const { catalog, clock, disk } = setup();
  await catalog.rescan();
  disk.models.push(found({ model_ref: "new", fingerprint: "0".repeat(64) }));
  clock.advance(100);
  await catalog.rescan();
  assert.equal(catalog.revision, 2);
  assert.equal(catalog.models.length, 2);
  await catalog.close();
  assert.equal(clock.pending, 0);
});

Deno.test("a measurement counts as a change of the model", async () => {
  const { catalog, disk, measurements } = setup();
  await catalog.rescan();
  const measured = { context: 8, slots: 1, memory_bytes: 9 };
  const whole = { ...measured, device_kind: "cuda", gpu_layers: null } as const;
  const inPart = { ...whole, gpu_layers: 3, memory_bytes: 4 };
  measurements.set(FINGERPRINT, [inPart, whole]);
  catalog.refresh();
  assert.equal(catalog.revision, 2);
  assert.deepEqual(catalog.models[0]?.measured, measured);
  disk.models = [found({ gpu_layers: 3 })];
  await catalog.rescan();
  assert.equal(
    catalog.models[0]?.measured?.memory_bytes,
    4,
    "the measurement with the same layers counts",
  );
  await catalog.close();
});

Deno.test("a folder that cannot be read is logged, and the known models stay", async () => {
  const { catalog, disk, log } = setup();
  await catalog.rescan();
  disk.error = new Error("the disk is gone");
  await catalog.rescan();
  assert.equal(catalog.models.length, 1);
  assert.equal(log.lines[0]?.event, "models_scan_failed");
  await catalog.close();
});

Deno.test("a broken file is logged once, not at every scan", async () => {
  const { catalog, disk, log } = setup();
  disk.problems.push({ path: "/models/x.gguf", message: "it is cut off" });
  await catalog.rescan();
  await catalog.rescan();
  assert.deepEqual(log.lines, [{
    level: "warn",
    event: "model_unusable",
    fields: { path: "/models/x.gguf", message: "it is cut off" },
  }]);
  await catalog.close();
});
