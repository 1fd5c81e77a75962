/**
 * Thousands of requests leave nothing behind in C: chains, grammars, their states, cells of slots, states in
 * files. `deno task test:leaks` runs many more.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { delay } from "#shared/lifecycle.ts";
import { LlorchError } from "#shared/errors.ts";
import { counterModel, writeCounterAdapter } from "../../../../tests/support/models.ts";
import { seededRandom } from "../../../../tests/support/random.ts";
import { until } from "../../../../tests/support/stack.ts";
import { openGenerator, readEvents, request } from "../../testing/generator.ts";
import { engineOptions } from "../../testing/llama.ts";
import { loadLibllama } from "./load.ts";

const RUNS = Number(Deno.env.get("LLORCH_LEAK_RUNS") ?? 150);
const SEED = Number(Deno.env.get("LLORCH_SEED") ?? 1);
/** Windows of equal numbers of runs, after the first of which all caches are full. */
const WINDOWS = 5;
const SLOTS = 4;
/** Most memory of C that runs may leave behind, in bytes; half of it comes and goes. */
const MOST_LEFT = 700_000 + 100 * RUNS;
/** Most that the process may grow, whose garbage comes and goes, in bytes. */
const MOST_GROWTH = 64 * 1024 * 1024;

const MALLINFO = Array.from({ length: 10 }, () => "usize" as const);

const COUNT = { type: "function", function: { name: "count", parameters: { type: "object" } } };
const chat = { messages: [{ role: "user", content: "w1" }] };
const SCHEMA = {
  type: "object",
  properties: {
    list: { type: "array", items: { enum: Array.from({ length: 300 }, (_, n) => n) } },
  },
};
/** Requests of all kinds; each has a prompt of its own. */
const KINDS: readonly ((n: number) => Record<string, unknown>)[] = [
  (n) => ({ prompt: ` w${n}` }),
  (n) => ({ prompt: ` w${n}`.repeat(100), temperature: 1, top_k: 5 }),
  (n) => ({ prompt: ` w${n}`, grammar: `root ::= (" w" [0-9]+){1,${n % 50 + 1}}` }),
  (n) => ({ prompt: ` w${n}`, lora: "skip", repetition_penalty: 1.1, temperature: 0.5 }),
  (n) => ({ prompt: ` w${n}`, logit_bias: { [300 + n % 9]: -100 }, logprobs: 3 }),
  (n) => ({ ...chat, json_schema: { ...SCHEMA, title: `${n}` } }),
  () => ({ ...chat, tools: [COUNT], tool_choice: "required" }),
  (n) => ({ prompt: ` w${n}`, grammar: 'root ::= "\\x00"' }),
  (n) => ({ prompt: ` w${n}`, grammar: `root ::= missing${n}` }),
  (n) => ({ prompt: ` w${n}`, grammar: 'root ::= " w1"', resume_tokens: [300] }),
  (n) => ({ prompt: ` w${n}`, prompt_logprobs: 2 }),
];

Deno.test({
  name: `${RUNS} runs with grammars, adapters, cancels and saved slots leave no memory of C behind`,
  ignore: Deno.build.os !== "linux",
}, async () => {
  const folder = await Deno.makeTempDir({ prefix: "llorch-leaks-" });
  const adapter = join(folder, "skip.gguf");
  writeCounterAdapter(adapter, { from: 7, to: 100 });
  const engine = await loadLibllama(
    engineOptions(counterModel(), { slots: SLOTS, context: 512, adapters: { skip: adapter } }),
  );
  const { generator, fatal } = openGenerator(engine, { queueLimit: 2 * SLOTS });
  const random = seededRandom(SEED);
  const below = (count: number) => Math.floor(random() * count);
  const collect = collector();
  const mark = new Uint32Array([1, 2, 3, 4]);

  async function run(n: number): Promise<void> {
    const fields = {
      job_id: `job-${n}`,
      max_tokens: 1 + below(30),
      ...KINDS[n % KINDS.length]!(n),
    };
    try {
      const { stream } = await generator.execute(request(fields));
      const end = below(4);
      if (end === 0) generator.cancel({ jobId: fields.job_id, epoch: 0, attempt: 1 });
      if (end === 1) {
        const reader = stream.body.getReader();
        await reader.read();
        await reader.cancel();
      } else await readEvents(stream.body);
    } catch (error) {
      assert.ok(error instanceof LlorchError, String(error));
    }
  }

  /** Saves a slot and restores another; a slot that is in use is left alone. */
  async function moveSlot(): Promise<void> {
    const path = join(folder, "slot.bin");
    try {
      const saved = await generator.withSlot(below(SLOTS), (slot) => slot.save(path, mark));
      if (saved > 0) await generator.withSlot(below(SLOTS), (slot) => slot.restore(path, mark, 0));
    } catch (error) {
      assert.ok(error instanceof LlorchError && error.code === "CONFLICT", String(error));
    }
  }

  let next = 0;
  const figures: { inUse: number; resident: number }[] = [];
  try {
    for (let window = 1; window <= WINDOWS; window++) {
      const last = Math.ceil(RUNS * window / WINDOWS);
      await Promise.all(Array.from({ length: SLOTS + 2 }, async () => {
        while (next < last) {
          const n = next++;
          if (n % 10 === 0) await moveSlot();
          await run(n);
        }
      }));
      // Slots are released in the next turn, and what they had is freed in the one after.
      for (let turn = 0; turn < 5; turn++) await delay(0);
      // What JavaScript only holds on to is no leak of C.
      collect();
      await engine.embed("w1");
      figures.push({ inUse: bytesInUse(), resident: Deno.memoryUsage().rss });
    }
    assert.deepEqual(fatal, []);
  } finally {
    await generator.close();
    await engine.dispose();
    await Deno.remove(folder, { recursive: true });
  }
  const [first, last] = [figures[0]!, figures.at(-1)!];
  assert.ok(last.inUse - first.inUse < MOST_LEFT, JSON.stringify(figures));
  assert.ok(last.resident - first.resident < MOST_GROWTH, JSON.stringify(figures));
});

/** Loads that are followed by another. */
const LOADS = 6;

Deno.test({
  name: "models that are loaded and freed, or not loaded, leave no memory of C behind",
  ignore: Deno.build.os !== "linux",
}, async () => {
  const inUse: number[] = [];
  const speculative = { speculative: "draft", draft_model: counterModel() } as const;
  const options = engineOptions(counterModel(), { slots: SLOTS, settings: speculative });
  for (let load = 0; load < LOADS; load++) {
    const engine = await loadLibllama(options);
    await engine.embed("w1");
    await engine.dispose();
    const wrong = { ...options, adapters: new Map([["wrong", counterModel()]]) };
    await assert.rejects(loadLibllama(wrong));
    inUse.push(bytesInUse());
  }
  // A context has several megabytes; a thread of JavaScript leaves up to one until it is collected.
  const collect = collector();
  await until(`what ${JSON.stringify(inUse)} has grown by is freed`, () => {
    collect();
    return bytesInUse() - inUse[1]! < 4_000_000;
  });
});

function collector(): () => void {
  setFlagsFromString("--expose_gc");
  return runInNewContext("gc");
}

/** Bytes that C has allocated in this process and not freed, by glibc's `mallinfo2`. */
function bytesInUse(): number {
  const { symbols } = Deno.dlopen("libc.so.6", {
    mallinfo2: { parameters: [], result: { struct: MALLINFO } },
  });
  const fields = new BigUint64Array(symbols.mallinfo2().buffer);
  // `uordblks` and `hblkhd`: what is in the heaps, and beside them.
  return Number(fields[7]! + fields[4]!);
}
