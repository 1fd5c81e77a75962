import assert from "node:assert/strict";
import { FakeClock } from "../testdata/fake_clock.ts";
import { createDevices } from "./devices.ts";

function counted() {
  const clock = new FakeClock();
  let looks = 0;
  const devices = createDevices(
    () =>
      Promise.resolve([{
        id: "cpu",
        kind: "cpu",
        name: `${++looks}`,
        total_bytes: 1,
        free_bytes: 1,
      }]),
    clock,
  );
  return { clock, devices, looks: () => looks };
}

Deno.test("looks within a second share one, and looks at the same time too", async () => {
  const { clock, devices, looks } = counted();
  await Promise.all([devices.current(), devices.current()]);
  clock.advance(999);
  await devices.current();
  assert.equal(looks(), 1);
  clock.advance(1);
  assert.equal((await devices.current())[0]?.name, "2");
  assert.equal(devices.last[0]?.name, "2");
});

Deno.test("invalidate() makes the next look a real one, even while one runs", async () => {
  const { devices, looks } = counted();
  const first = devices.current();
  devices.invalidate();
  await first;
  await devices.current();
  assert.equal(looks(), 2);
});
