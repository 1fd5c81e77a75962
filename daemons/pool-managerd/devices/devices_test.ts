import assert from "node:assert/strict";
import { FakeClock } from "../../../tests/support/fake_clock.ts";
import { device, fakeSource } from "../testdata/fake_source.ts";
import { recordingLogger } from "../testdata/log.ts";
import { capped, createDevices } from "./devices.ts";

function opened() {
  const clock = new FakeClock();
  const log = recordingLogger();
  const gpus = fakeSource([device("cuda0", "cuda", 100, 60), device("cuda1", "cuda", 100)]);
  const cpu = fakeSource([device("cpu", "cpu", 50)]);
  const devices = createDevices([gpus, cpu], { cpu: "auto", clock, log });
  const look = () => {
    devices.invalidate();
    return devices.current();
  };
  return { clock, log, gpus, devices, look };
}

Deno.test("measurements within a second, or at the same time, are shared", async () => {
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

Deno.test("invalidate() makes the next call measure again, even while a measurement runs", async () => {
  const { devices, gpus } = opened();
  const first = devices.current();
  devices.invalidate();
  await first;
  await devices.current();
  assert.equal(gpus.looks, 2);
});

Deno.test("a device that disappears is unavailable until it is listed again", async () => {
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
  const logged = log.lines.map(({ event, fields }) => [event, fields["device"]]);
  assert.deepEqual(logged, [["device_unavailable", "cuda1"], ["device_available", "cuda1"]]);
});

Deno.test("devices of a source that fails are unavailable; the others are unchanged", async () => {
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

Deno.test("a source that fails at the first measurement has one device that cannot be used", async () => {
  const { gpus, look } = opened();
  gpus.error = new Error("The driver is gone");
  const [first] = await look();
  assert.deepEqual([first?.id, first?.name, first?.free_bytes], ["cuda0", "Fake", 0]);
  assert.equal(first?.unavailable, "The driver is gone");
});

Deno.test("held() returns a process's memory on a device, and undefined if it is not reported", async () => {
  const { gpus, look, devices } = opened();
  await look();
  gpus.processes.set(42, 7);
  assert.equal(await devices.held("cuda0", 42), 7);
  assert.equal(await devices.held("cuda0", 43), undefined);
  assert.equal(await devices.held("rocm0", 42), undefined);
  gpus.held = () => Promise.reject(new Error("no"));
  assert.equal(await devices.held("cuda0", 42), undefined);
});

Deno.test("on a machine with GPUs models use the CPU only if it is named, also when no GPU works", async () => {
  const { gpus, look, clock, log } = opened();
  const askedOnly = async () => (await look()).map(({ asked_only }) => asked_only);
  assert.deepEqual(await askedOnly(), [undefined, undefined, true]);
  gpus.error = new Error("The driver is gone");
  assert.deepEqual(await askedOnly(), [undefined, undefined, true]);
  for (const [cpu, others] of [["always", [gpus]], ["auto", []]] as const) {
    const sources = [...others, fakeSource([device("cpu", "cpu", 50)])];
    const all = await createDevices(sources, { cpu, clock, log }).current();
    assert.equal(all.at(-1)?.asked_only, undefined);
  }
});

Deno.test("capped() limits a device's free memory to what workers may still take", () => {
  const cpu = device("cpu", "cpu", 100, 80);
  const free = (maxBytes: number | undefined, held: number) =>
    capped(cpu, { maxBytes, heldBytes: () => held }).free_bytes;
  assert.deepEqual([free(undefined, 10), free(90, 0), free(50, 20), free(50, 60)], [80, 80, 30, 0]);
  assert.equal(capped(cpu, { maxBytes: 50, heldBytes: () => 20 }).total_bytes, 50);
});
