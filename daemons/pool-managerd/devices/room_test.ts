import assert from "node:assert/strict";
import { roomOn, usualRoom } from "./room.ts";

const GPU = {
  id: "cuda0",
  kind: "cuda" as const,
  name: "",
  total_bytes: 1000,
  free_bytes: 600,
};

Deno.test("an empty device has the room that it reports as free", () => {
  assert.equal(roomOn(GPU, []), 600);
});

Deno.test("memory is reserved for a worker that still loads", () => {
  assert.equal(roomOn(GPU, [{ device: "cuda0", committed: 500, held: 100 }]), 200);
});

Deno.test("a loaded worker is not counted twice", () => {
  assert.equal(roomOn(GPU, [{ device: "cuda0", committed: 400, held: 400 }]), 600);
});

Deno.test("memory that shows as free although workers need it is not given to others", () => {
  assert.equal(
    roomOn({ ...GPU, free_bytes: 990 }, [{ device: "cuda0", committed: 700, held: 700 }]),
    300,
  );
});

Deno.test("workers on other devices do not count, and room is never negative", () => {
  assert.equal(roomOn(GPU, [{ device: "cpu", committed: 500, held: 0 }]), 600);
  assert.equal(roomOn(GPU, [{ device: "cuda0", committed: 5000, held: 0 }]), 0);
});

Deno.test("the room for all workers is what the usual device has free, and what they use of it", () => {
  const cpu = { ...GPU, id: "cpu", kind: "cpu" as const, free_bytes: 5000 };
  const workers = [
    { device: "cuda0", committed: 500, held: 100 },
    { device: "cpu", committed: 500, held: 300 },
  ];
  assert.equal(usualRoom([GPU, cpu], workers), 700);
  assert.equal(usualRoom([cpu], workers), 5300);
  assert.equal(usualRoom([{ ...GPU, unavailable: "gone" }, { ...GPU, id: "cuda1" }], []), 600);
  assert.equal(usualRoom([], []), 0);
});
