import assert from "node:assert/strict";
import { FakeClock } from "../../../../tests/support/fake_clock.ts";
import { type Place, Places } from "./places.ts";

const never = new AbortController().signal;

/** Places of a queue that a test fills, and the names of those that got one, in order. */
function stage({ capacity = 10, mostWaiting = 2 } = {}) {
  const clock = new FakeClock();
  const queue = { waiting: 0, capacity };
  const places = new Places({ clock, queue: () => queue, mostWaiting: () => mostWaiting });
  const got: string[] = [];
  const taken = new Map<string, Place>();
  const take = (name: string, { tenant = "t", mostOpen = Infinity, signal = never } = {}) =>
    places.take(tenant, mostOpen, signal).then((place) => {
      got.push(place ? name : `no ${name}`);
      if (place) taken.set(name, place);
    });
  return { clock, queue, places, got, taken, take };
}

/** Lets promises settle. */
const settle = () => new Promise((resolve) => setTimeout(resolve, 0));

Deno.test("a tenant's requests wait until one of them has started or ended", async () => {
  const { take, taken, got } = stage();
  for (const name of ["a", "b", "c", "d"]) void take(name);
  await settle();
  assert.deepEqual(got, ["a", "b"]);
  taken.get("a")!.queued();
  await settle();
  assert.deepEqual(got, ["a", "b"]);
  taken.get("a")!.started();
  await settle();
  assert.deepEqual(got, ["a", "b", "c"]);
  taken.get("b")!.ended();
  taken.get("b")!.ended();
  await settle();
  assert.deepEqual(got, ["a", "b", "c", "d"]);
});

Deno.test("a tenant has no more requests open than its bound", async () => {
  const { take, taken, got } = stage();
  for (const name of ["a", "b"]) void take(name, { mostOpen: 1 });
  void take("other", { tenant: "u" });
  await settle();
  taken.get("a")!.started();
  await settle();
  assert.deepEqual(got, ["a", "other"]);
  taken.get("a")!.ended();
  await settle();
  assert.deepEqual(got, ["a", "other", "b"]);
});

Deno.test("half of the queue is for others, and is looked at while requests wait", async () => {
  const { take, taken, got, queue, clock } = stage({ capacity: 4, mostWaiting: 9 });
  queue.waiting = 1;
  for (const name of ["a", "b"]) void take(name);
  await settle();
  assert.deepEqual(got, ["a"]);
  queue.waiting = 2;
  taken.get("a")!.queued();
  await settle();
  assert.deepEqual(got, ["a"]);
  queue.waiting = 1;
  clock.advance(250);
  await settle();
  assert.deepEqual(got, ["a", "b"]);
});

Deno.test("a job that is there already has a place beyond all bounds", async () => {
  const { take, places, got } = stage({ mostWaiting: 1 });
  const [one, two] = [places.adopt("t"), places.adopt("t")];
  void take("a");
  one.started();
  await settle();
  assert.deepEqual(got, []);
  two.ended();
  await settle();
  assert.deepEqual(got, ["a"]);
});

Deno.test("a request that is given up gets no place", async () => {
  const { take, got } = stage({ mostWaiting: 1 });
  const end = new AbortController();
  void take("a");
  void take("b", { signal: end.signal });
  end.abort();
  void take("c", { signal: end.signal });
  await settle();
  assert.deepEqual(got, ["a", "no b", "no c"]);
});
