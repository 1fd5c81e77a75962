import assert from "node:assert/strict";
import { nvidiaSource, parseDevices, parseProcesses } from "./nvidia_smi.ts";

const MIB = 1024 * 1024;
const recorded = (name: string) =>
  Deno.readTextFileSync(new URL(`./testdata/${name}`, import.meta.url));
const answering = (output: string, code = 0) =>
  nvidiaSource(() => Promise.resolve({ code, output }));

Deno.test("parseDevices() reads every GPU of a recorded machine", () => {
  const name = "NVIDIA A100-SXM4-80GB";
  assert.deepEqual(parseDevices(recorded("a100.csv")), [
    { id: "cuda0", kind: "cuda", name, total_bytes: 81_920 * MIB, free_bytes: 80_994 * MIB },
    { id: "cuda1", kind: "cuda", name, total_bytes: 81_920 * MIB, free_bytes: 12_034 * MIB },
  ]);
  assert.equal(parseDevices(recorded("h100.csv"))[0]?.name, "NVIDIA H100 80GB HBM3");
});

Deno.test("parseDevices() of an empty output is empty", () => {
  assert.deepEqual(parseDevices("\n"), []);
});

Deno.test("a GPU without figures, or with invalid ones, is unavailable", () => {
  for (const line of ["0, X, [N/A], [N/A]", "0, X, [GPU is lost], 5", "0, X, 100, 200"]) {
    const [device] = parseDevices(`${line}\n1, Y, 100, 50\n`);
    assert.match(device?.unavailable ?? "", /of its memory/, line);
    assert.equal(device?.free_bytes, 0);
  }
  assert.match(parseDevices(recorded("not_supported.csv"))[0]?.unavailable ?? "", /memory/);
});

Deno.test("a driver that cannot be reached is an error, not a machine without GPUs", async () => {
  const source = answering(recorded("no_driver.txt"), 9);
  await assert.rejects(source.query(), /ended with code 9: NVIDIA-SMI has failed/);
  await assert.rejects(answering("garbage \u0000\u0001").query(), /Cannot read the line/);
});

Deno.test("a missing tool, or a driver without GPUs, means a machine without GPUs", async () => {
  assert.deepEqual(await nvidiaSource(() => Promise.resolve(undefined)).query(), []);
  assert.deepEqual(await answering("No devices were found", 6).query(), []);
});

Deno.test("parseProcesses() reads the memory of each process, if the driver reports it", async () => {
  const text = "4054862, 990\n4055325, 2404\n77, [N/A]\n78, [Insufficient Permissions]\n";
  const expected = new Map([[4_054_862, 990 * MIB], [4_055_325, 2404 * MIB]]);
  assert.deepEqual(parseProcesses(text), expected);
  assert.deepEqual(parseProcesses("No running processes found\n"), new Map());
  const calls: string[][] = [];
  const source = nvidiaSource((_, args) => {
    calls.push([...args]);
    return Promise.resolve({ code: 0, output: text });
  });
  const device = { id: "cuda3", kind: "cuda", name: "", total_bytes: 1, free_bytes: 1 } as const;
  assert.deepEqual(await source.held!(device), expected);
  assert.equal(calls[0]?.[0], "--id=3");
});
