import assert from "node:assert/strict";
import { recordingLogger } from "../testdata/log.ts";
import { nvidiaDevices, parseNvidiaSmi } from "./nvidia_smi.ts";

const recorded = (name: string) =>
  Deno.readTextFileSync(new URL(`./testdata/${name}`, import.meta.url));

Deno.test("parseNvidiaSmi() reads every GPU of a recorded machine", () => {
  const MIB = 1024 * 1024;
  const name = "NVIDIA A100-SXM4-80GB";
  assert.deepEqual(parseNvidiaSmi(recorded("a100.csv")), [
    { id: "cuda0", kind: "cuda", name, total_bytes: 81_920 * MIB, free_bytes: 80_994 * MIB },
    { id: "cuda1", kind: "cuda", name, total_bytes: 81_920 * MIB, free_bytes: 12_034 * MIB },
  ]);
  assert.equal(parseNvidiaSmi(recorded("h100.csv"))[0]?.name, "NVIDIA H100 80GB HBM3");
});

Deno.test("parseNvidiaSmi() finds nothing in nothing", () => {
  assert.deepEqual(parseNvidiaSmi("\n"), []);
});

for (const file of ["not_supported.csv", "no_driver.txt"]) {
  Deno.test(`nvidiaDevices() logs what it cannot read and has no GPU: ${file}`, async () => {
    const log = recordingLogger();
    assert.deepEqual(await nvidiaDevices(log, () => Promise.resolve(recorded(file))), []);
    assert.equal(log.lines[0]?.event, "gpu_query_failed");
  });
}

Deno.test("nvidiaDevices() has no GPU and says nothing where there is no nvidia-smi", async () => {
  const log = recordingLogger();
  assert.deepEqual(await nvidiaDevices(log, () => Promise.resolve(undefined)), []);
  assert.deepEqual(log.lines, []);
});
