import assert from "node:assert/strict";
import { FakeClock } from "../testdata/fake_clock.ts";
import { device, fakeSource } from "../testdata/fake_source.ts";
import { recordingLogger } from "../testdata/log.ts";
import { createDevices, systemSources } from "./devices.ts";

function opened() {
  const clock = new FakeClock();
  const log = recordingLogger();
  const gpus = fakeSource([device("cuda0", "cuda", 100, 60), device("cuda1", "cuda", 100)]);
  const cpu = fakeSource([device("cpu", "cpu", 50)]);
  const devices = createDevices([gpus, cpu], clock, log);
  const look = () => {
    devices.invalidate();
    return devices.current();
  };
  return { clock, log, gpus, devices, look };
}

Deno.test("looks within a second share one, and looks at the same time too", async () => {
  const { clock, devices, gpus } = opened();
  await Promise.all([devices.current(), devices.current()]);
  clock.advance(999);
  await devices.current();
  assert.equal(gpus.looks, 1);
  clock.advance(1);
  gpus.devices = [device("cuda0", "cuda", 100, 7)];
  assert.equal((await devices.current())[0]?.free_bytes, 7);
  assert.equal(devices.last[0]?.free_bytes, 7);
});

Deno.test("invalidate() makes the next look a real one, even while one runs", async () => {
  const { devices, gpus } = opened();
  const first = devices.current();
  devices.invalidate();
  await first;
  await devices.current();
  assert.equal(gpus.looks, 2);
});

Deno.test("a device that disappears is unavailable, and comes back when it is there again", async () => {
  const { gpus, look, log } = opened();
  await look();
  const all = gpus.devices;
  gpus.devices = all.slice(0, 1);
  for (let round = 0; round < 2; round++) {
    const [first, second] = await look();
    assert.equal(first?.unavailable, undefined);
    assert.deepEqual(second, {
      ...device("cuda1", "cuda", 100, 0),
      unavailable: "It is not listed any more",
    });
  }
  gpus.devices = all;
  assert.deepEqual((await look()).slice(0, 2), all);
  const told = log.lines.map(({ event, fields }) => [event, fields["device"]]);
  assert.deepEqual(told, [["device_unavailable", "cuda1"], ["device_available", "cuda1"]]);
});

Deno.test("devices that cannot be asked are unavailable; the others are as they were", async () => {
  const { gpus, look } = opened();
  await look();
  gpus.error = new Error("The driver is gone");
  const [first, second, cpu] = await look();
  assert.deepEqual(first, {
    ...device("cuda0", "cuda", 100, 0),
    unavailable: "The driver is gone",
  });
  assert.equal(second?.unavailable, "The driver is gone");
  assert.equal(cpu?.free_bytes, 50);
});

Deno.test("a source that fails at the first look has a device that cannot be used", async () => {
  const { gpus, look } = opened();
  gpus.error = new Error("The driver is gone");
  const [first] = await look();
  assert.deepEqual([first?.id, first?.name, first?.free_bytes], ["cuda0", "Fake", 0]);
  assert.equal(first?.unavailable, "The driver is gone");
});

Deno.test("held() tells what a process holds on a device, and nothing of what is not told", async () => {
  const { gpus, look, devices } = opened();
  await look();
  gpus.processes.set(42, 7);
  assert.equal(await devices.held("cuda0", 42), 7);
  assert.equal(await devices.held("cuda0", 43), undefined);
  assert.equal(await devices.held("rocm0", 42), undefined);
  gpus.held = () => Promise.reject(new Error("no"));
  assert.equal(await devices.held("cuda0", 42), undefined);
});

Deno.test("systemSources() gives no more of the machine's memory than workers may take", async () => {
  const cpu = systemSources(1_000_000).find(({ kind }) => kind === "cpu")!;
  const [device] = await cpu.query();
  assert.deepEqual([device?.total_bytes, device?.free_bytes], [1_000_000, 1_000_000]);
});
