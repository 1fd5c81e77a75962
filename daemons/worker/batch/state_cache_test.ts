import assert from "node:assert/strict";
import { FakeEngine, type FakeKeptState } from "../testing/fake_engine.ts";
import { until } from "../testing/generator.ts";
import { tokensOf } from "../testing/run.ts";
import { StateCache, type StateCacheOptions } from "./state_cache.ts";

const SAMPLING = { see() {}, replay() {}, forbid() {}, dispose() {} };

function open(options: Partial<StateCacheOptions> = {}) {
  const engine = new FakeEngine({ slots: 2 });
  const [from, into] = engine.sequences;
  const errors: unknown[] = [];
  const cache = new StateCache({
    ...{ mostBytes: 10, mostStates: 8, expireMs: 60_000 },
    onError: (error) => errors.push(error),
    ...options,
  });
  return {
    ...{ cache, engine, errors, from: from!, into: into! },
    async keep(text: string) {
      from!.tokens = tokensOf(text);
      return await cache.keep(from!) as FakeKeptState | undefined;
    },
    find: (text: string) => cache.find(tokensOf(text), SAMPLING)?.shared ?? 0,
  };
}

Deno.test("what a sequence held is found by its beginning, and put into another sequence", async () => {
  const { cache, keep, find, into } = open();
  const state = await keep("abcd");
  await keep("abX");
  assert.deepEqual(["abcdef", "abcd", "abXY", "Xab"].map(find), [4, 3, 3, 0]);
  assert.equal(await cache.put(state!, into), true);
  assert.deepEqual(into.tokens, tokensOf("abcd"));
  assert.equal(find("abcdef"), 4, "it stays");
  cache.close();
});

Deno.test("states have a bound in bytes: those not used for longest are forgotten first", async () => {
  const { cache, keep, find, into } = open();
  const first = await keep("aaaa");
  const second = await keep("bbbb");
  await cache.put(first!, into);
  await keep("cccc");
  assert.deepEqual(["aaaaa", "bbbbb", "ccccc"].map(find), [4, 0, 4]);
  assert.deepEqual([first!.isForgotten, second!.isForgotten, cache.bytes], [false, true, 8]);
  assert.equal(await cache.put(second!, into), false);
  assert.equal(await keep("ddddddddddd"), undefined, "larger than all together");
  assert.equal(cache.size, 2, "for which nothing was forgotten");
  cache.close();
  assert.deepEqual([cache.size, first!.isForgotten], [0, true]);
});

Deno.test("states have a bound in number, and one that another includes is forgotten", async () => {
  const { cache, keep, find } = open({ mostStates: 2 });
  const short = await keep("ab");
  await keep("abc");
  assert.deepEqual([short!.isForgotten, cache.size], [true, 1]);
  await keep("x");
  await keep("y");
  assert.deepEqual(["abcd", "xx", "yy"].map(find), [0, 1, 1]);
  cache.close();
});

Deno.test("many short states do not push out a long one", async () => {
  const { cache, keep, find } = open({ mostStates: 4, mostBytes: 100 });
  const long = await keep("aaaaaaaa");
  for (const letter of "bcdefghij") await keep(letter.repeat(2));
  assert.equal(long!.isForgotten, false);
  assert.deepEqual(["aaaaaaaaa", "bbb", "jjj"].map(find), [8, 0, 2]);
  assert.equal(cache.size, 4);
  cache.close();
});

Deno.test("a state that a slot has too is forgotten before others", async () => {
  const { cache, keep, find } = open();
  await keep("aaaa");
  const second = await keep("bbbb");
  cache.demote(second!);
  await keep("cccc");
  assert.deepEqual(["aaaaa", "bbbbb", "ccccc"].map(find), [4, 0, 4]);
  cache.close();
});

Deno.test("a state is forgotten once it was not used for the time that it is kept", async () => {
  const { cache, keep } = open({ expireMs: 20 });
  const state = await keep("abcd");
  await until(() => state!.isForgotten);
  assert.equal(cache.size, 0);
  cache.close();
});

Deno.test("what the engine cannot copy is reported and not kept; with no memory nothing is", async () => {
  const { cache, keep, errors, from, into } = open();
  const state = await keep("abcd");
  const broken = new Error("It cannot be copied");
  from.keep = () => Promise.reject(broken);
  into.put = () => Promise.reject(broken);
  assert.equal(await cache.keep(from), undefined);
  assert.equal(await cache.put(state!, into), false);
  assert.deepEqual([errors, cache.size], [[broken, broken], 0]);
  const off = open({ mostBytes: 0 });
  assert.equal(await off.keep("abc"), undefined);
  assert.equal(off.engine.copies.length, 0);
});

Deno.test("the time of a copy is known after some, without the step that the engine was busy with", async () => {
  const { cache, keep, from } = open();
  const copy = from.keep.bind(from);
  from.keep = async (hasRoom) => {
    const until = performance.now() + 100;
    while (performance.now() < until);
    return await copy(hasRoom);
  };
  for (const text of ["aaaa", "bbbb", "cccc"]) {
    assert.equal(cache.keepMs(4), undefined);
    await keep(text);
  }
  assert.ok(cache.keepMs(4)! < 50, `${cache.keepMs(4)} ms`);
  assert.equal(cache.putMs(4), undefined);
  cache.close();
});
