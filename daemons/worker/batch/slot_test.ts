import assert from "node:assert/strict";
import { LlorchError } from "#shared/errors.ts";
import type { Chosen, Generation } from "../engine/engine.ts";
import { FAKE_END, FakeEngine, FakeSequence } from "../testing/fake_engine.ts";
import { outline, readEvents, textOf } from "../testing/generator.ts";
import { testRun, tokensOf } from "../testing/run.ts";
import type { Run } from "./run.ts";
import { Slot } from "./slot.ts";

const MARK = new Uint32Array([1, 2]);

/** A sequence that counts how often its generations are closed. */
class WatchedSequence extends FakeSequence {
  closed = 0;
  /** Tokens that each step chooses, in place of the engine's own. */
  chosen: Chosen[][] | undefined;

  override generate(...given: Parameters<FakeSequence["generate"]>): Generation {
    const { next } = super.generate(...given);
    return {
      next: async (wantsMore = () => true) => {
        const usual = await next();
        const all = this.chosen?.shift() ?? usual;
        const unwanted = all.findIndex((chosen) => !wantsMore(chosen));
        return unwanted < 0 ? all : all.slice(0, unwanted + 1);
      },
      close: () => this.closed++,
    };
  }
}

/** A slot whose sequence has evaluated the tokens of a text. */
function open(held = "") {
  const engine = new FakeEngine({ next: () => 0x78 });
  const sequence = new WatchedSequence(engine, 0);
  sequence.tokens = tokensOf(held);
  return { engine, sequence, slot: new Slot(sequence) };
}

const asking = (prompt: string) => testRun({ prompt: tokensOf(prompt) });

async function endOf(run: Run) {
  const end = (await readEvents(run.answer.stream.body)).at(-1);
  assert.ok(end?.event === "end");
  return end.data;
}

const isConflict = (error: unknown) => error instanceof LlorchError && error.code === "CONFLICT";

Deno.test("a slot shares a prefix of a run, never its last token", () => {
  const { slot } = open("abc");
  const shared = ["abcd", "abc", "ab", "abX", "Xbc", "X"].map((text) => slot.shared(asking(text)));
  assert.deepEqual(shared, [3, 2, 1, 2, 0, 0]);
});

Deno.test("a run that gets a slot starts with the shared prefix already evaluated", async () => {
  const { slot, sequence } = open("abXYZ");
  const run = asking("abcd");
  slot.assign(run);
  assert.equal(slot.run, run);
  assert.deepEqual([sequence.tokens, slot.remaining], [tokensOf("ab"), 2]);
  run.answer.report();
  run.complete("EOS");
  const [started, metrics, end] = await readEvents(run.answer.stream.body);
  assert.equal(started?.event, "started");
  assert.ok(metrics?.event === "metrics" && end?.event === "end");
  assert.deepEqual([metrics.data.prompt_done, metrics.data.prompt_total], [2, 4]);
  assert.equal(end.data.tokens_cached, 2);
});

Deno.test("a model that cannot drop tokens evaluates the prompt again", async () => {
  const { slot, sequence } = open("abc");
  sequence.trim = () => 1;
  const run = asking("abcd");
  slot.assign(run);
  assert.equal(slot.remaining, 3);
  run.complete("EOS");
  assert.equal((await endOf(run)).tokens_cached, 1);
});

Deno.test("a slot evaluates the prompt in pieces, and the last one yields the first token", async () => {
  const { slot, sequence, engine } = open();
  const run = asking("abcdef");
  slot.assign(run);
  const left = [slot.remaining];
  for (const prefill of [2, 3, 1, 0]) {
    await slot.step(prefill);
    left.push(slot.remaining);
  }
  assert.deepEqual(left, [6, 4, 1, 0, 0]);
  assert.deepEqual(engine.steps.map(([, tokens]) => tokens), [2, 3, 1, 1]);
  assert.deepEqual(sequence.tokens, tokensOf("abcdefx"));
  run.complete("EOS");
  assert.equal((await endOf(run)).tokens_out, 2);
});

Deno.test("a run gets the number of evaluated prompt tokens after each piece", async () => {
  const { slot } = open("a");
  const run = asking("abcdef");
  slot.assign(run);
  for (const prefill of [2, 2]) {
    await slot.step(prefill);
    run.answer.report();
  }
  run.complete("EOS");
  const events = await readEvents(run.answer.stream.body);
  const done = events.flatMap(({ event, data }) => event === "metrics" ? [data.prompt_done] : []);
  assert.deepEqual(done, [3, 5]);
});

Deno.test("a run gets all tokens of a step, and none after its end", async () => {
  const { slot, sequence } = open();
  sequence.chosen = [[0x68, 0x69, FAKE_END, 0x78].map((token) => ({ token }))];
  const run = asking("abc");
  slot.assign(run);
  await slot.step(3);
  const events = await readEvents(run.answer.stream.body);
  assert.equal(textOf(events), "hi");
  assert.equal(outline(events).at(-1), "end EOS");
});

Deno.test("a slot that is released ends the generation and keeps its tokens for the next run", async () => {
  const { slot, sequence } = open();
  assert.equal(slot.usedAt, 0);
  const run = asking("abc");
  slot.assign(run);
  await slot.step(3);
  const before = performance.now();
  slot.release();
  assert.deepEqual([slot.run, sequence.closed, slot.remaining], [undefined, 1, 0]);
  assert.ok(slot.usedAt >= before);
  slot.release();
  assert.equal(sequence.closed, 1);

  const next = asking("abcd");
  slot.assign(next);
  assert.equal(slot.remaining, 1);
  await slot.step(1);
  assert.deepEqual(sequence.tokens, tokensOf("abcd"));
});

Deno.test("a slot in use is neither saved nor restored, and its run continues", async () => {
  const { slot, sequence } = open("ab");
  let calls = 0;
  sequence.save = sequence.restore = () => Promise.resolve(++calls);
  const run = asking("abc");
  slot.assign(run);
  await assert.rejects(slot.save("unused", MARK), isConflict);
  await assert.rejects(slot.restore("unused", MARK, 5), isConflict);
  assert.deepEqual([calls, slot.run, sequence.tokens], [0, run, tokensOf("ab")]);
});

Deno.test("a free slot is saved, and restored with the time of its last use", async () => {
  const path = await Deno.makeTempFile();
  try {
    assert.equal(await open("abc").slot.save(path, MARK), 3);
    const { slot, sequence } = open("other");
    await assert.rejects(slot.restore(path, new Uint32Array([9, 9]), 5), isConflict);
    assert.equal(slot.usedAt, 0);
    assert.equal(await slot.restore(path, MARK, 5), 3);
    assert.deepEqual([slot.usedAt, sequence.tokens], [5, tokensOf("abc")]);
  } finally {
    await Deno.remove(path);
  }
});

Deno.test("a slot that is reset leaves its run and forgets everything", async () => {
  const { slot, sequence } = open();
  slot.assign(asking("abc"));
  await slot.step(3);
  slot.reset();
  assert.deepEqual([slot.run, sequence.closed, sequence.tokens], [undefined, 1, []]);
});
