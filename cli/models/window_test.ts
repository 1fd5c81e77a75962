import assert from "node:assert/strict";
import { type Segment, Window } from "./window.ts";

function give(window: Window): Segment {
  const segment = window.give();
  assert.ok(typeof segment === "object");
  return segment;
}

function fill(segment: Segment, text: string): void {
  segment.buffer.set(new TextEncoder().encode(text), segment.filled);
  segment.filled += text.length;
}

function text(bytes: Uint8Array | undefined): string | undefined {
  return bytes && new TextDecoder().decode(bytes);
}

Deno.test("Window returns bytes in the file's order, whatever the order of their arrival", () => {
  const window = new Window(2, 9, 3, 3);
  const [one, two, three] = [give(window), give(window), give(window)];
  assert.deepEqual([one, two, three].map(({ start, length }) => [start, length]), [
    [2, 3],
    [5, 3],
    [8, 1],
  ]);
  assert.equal(window.give(), undefined);
  fill(three, "i");
  fill(two, "fgh");
  assert.equal(window.take(1), undefined);
  fill(one, "cde");
  let all = "";
  for (let bytes = window.take(9); bytes !== undefined; bytes = window.take(9)) {
    all += text(bytes);
    window.release(bytes.length);
  }
  assert.equal(all, "cdefghi");
  assert.ok(window.isDone);
});

Deno.test("Window returns a piece of a segment once it has enough of it", () => {
  const window = new Window(0, 8, 8, 1);
  const segment = give(window);
  fill(segment, "abc");
  assert.equal(window.take(4), undefined);
  fill(segment, "d");
  assert.equal(text(window.take(4)), "abcd");
  window.release(4);
  fill(segment, "efgh");
  assert.equal(text(window.take(8)), "efgh");
});

Deno.test("Window is full until memory is free again, then wakes the waiters", async () => {
  const window = new Window(0, 9, 3, 1);
  const segment = give(window);
  assert.equal(window.give(), "full");
  const changed = window.changed();
  fill(segment, "abc");
  window.release(3);
  await changed;
  assert.equal(give(window).buffer, segment.buffer, "the memory is reused");
});
