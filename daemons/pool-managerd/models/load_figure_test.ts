import assert from "node:assert/strict";
import { poolModel } from "../testdata/records.ts";
import { estimateMemory } from "#shared/models/estimate.ts";
import { describeDefaultLoad, dividedLoad, loadFigure } from "./load_figure.ts";

const SETTINGS = { device_kind: "cpu", context: 256, slots: 4, gpu_layers: null } as const;
const OTHER = { ...SETTINGS, slots: 2 };
const SAID = { device_bytes: 700, host_bytes: 30 };
const estimate = (
  { measured }: { measured?: { slots: number; memory_bytes: number } | undefined },
  { slots }: { slots: number },
) => measured ? measured.memory_bytes + 10 * (slots - measured.slots) : 1000;

const figure = (known: Partial<Parameters<typeof loadFigure>[2]>) =>
  loadFigure(poolModel(), SETTINGS, { measured: [], said: [], ...known }, estimate);

Deno.test("the engine's figure of a load counts, unless the load has taken more", () => {
  const said = [{ ...SETTINGS, ...SAID }];
  assert.deepEqual(figure({ said }), { deviceBytes: 700, hostBytes: 30, basis: "engine" });
  const measured = [{ ...SETTINGS, memory_bytes: 800 }];
  assert.deepEqual(figure({ said, measured }).deviceBytes, 800);
  const less = [{ ...SETTINGS, memory_bytes: 600 }];
  assert.deepEqual(figure({ said, measured: less }).deviceBytes, 700);
});

Deno.test("without it, the formula is corrected by the nearest thing that is known", () => {
  const said = [{ ...OTHER, ...SAID }];
  const measured = [{ ...OTHER, memory_bytes: 900 }];
  const same = [{ ...SETTINGS, memory_bytes: 950 }];
  const basis = (known: Parameters<typeof figure>[0]) => {
    const { deviceBytes, basis } = figure(known);
    return [deviceBytes, basis];
  };
  assert.deepEqual(basis({}), [1000, "formula"]);
  assert.deepEqual(basis({ measured }), [920, "formula by a measured load"]);
  assert.deepEqual(basis({ said, measured }), [720, "formula by the engine's figure"]);
  assert.deepEqual(basis({ said, measured: same }), [950, "measured"]);
  const elsewhere = said.map((each) => ({ ...each, device_kind: "cuda" as const }));
  assert.deepEqual(basis({ said: elsewhere }), [1000, "formula"]);
});

Deno.test("the load that is reported has the engine's figures of each kind of device", () => {
  const said = [
    { ...SETTINGS, ...SAID },
    { ...SETTINGS, device_kind: "cuda" as const, device_bytes: 500, host_bytes: 200 },
  ];
  const defaults = { context: 256, slots: 4 };
  const load = describeDefaultLoad(poolModel(), defaults, { measured: [], said }, estimate);
  assert.deepEqual([load.device_bytes.cpu, load.device_bytes.cuda, load.host_bytes], [
    700,
    500,
    200,
  ]);
});

/** 9 layers of 1 MB; buffers of 1 MB. */
const LAYERED = poolModel({
  ...{ weight_bytes: 9e6, block_count: 8, kv_bytes_per_token: 0 },
  compute_bytes: 1e6 - 512 * 6 * 256,
});
const ON_GPU = { device_kind: "cuda", context: 256, slots: 1, gpu_layers: null } as const;
const divided = (said: Parameters<typeof loadFigure>[2]["said"], settings = {}) =>
  dividedLoad(LAYERED, ON_GPU, { measured: [], said }, estimateMemory, settings);

Deno.test("a load on several GPUs is the formula's, by as much more as the engine says of one", () => {
  assert.deepEqual(divided([]), { layers: 9, layer_bytes: 9e6, each_bytes: 1e6 });
  const said = [{ ...ON_GPU, device_bytes: 15e6, host_bytes: 0 }];
  assert.deepEqual(divided(said), { layers: 9, layer_bytes: 13.5e6, each_bytes: 1.5e6 });
  assert.deepEqual(divided(said, { split_ratio: "2,1" })?.ratio, [2, 1]);
  assert.equal(divided(said, { split: "none" }), undefined);
});

Deno.test("no GPU gets less than the engine says of any division of the load", () => {
  const split = { mode: "layer", layers: [6, 3] };
  const said = [
    { ...ON_GPU, device_bytes: 10e6, host_bytes: 0 },
    { ...ON_GPU, split, device_bytes: 15e6, device_shares: [7e6, 8e6], host_bytes: 0 },
  ];
  // The formula says 4 MB of the second GPU.
  assert.deepEqual(divided(said), { layers: 9, layer_bytes: 18e6, each_bytes: 2e6 });
  const elsewhere = said.map((each) => ({ ...each, slots: 2 }));
  assert.equal(divided(elsewhere)?.layer_bytes, 9e6, "shares of another load say nothing");
  const load = describeDefaultLoad(
    ...[LAYERED, { context: 256, slots: 1 }, { measured: [], said }, estimateMemory, {}] as const,
  );
  assert.deepEqual(load.split, { layers: 9, layer_bytes: 18e6, each_bytes: 2e6 });
  assert.equal(load.device_bytes.cuda, 10e6);
});
