/**
 * Chats that come back: how much of their prompts is read again, beside llama-server, and how soon they answer.
 *
 * @module
 */
import { basename, join } from "node:path";
import { orchestratorRoutes, poolRoutes } from "#shared/contracts/mod.ts";
import { createClient } from "#shared/http/client.ts";
import { readSse } from "#shared/http/sse.ts";
import { MIN_VOCABULARY } from "../support/vocabulary.ts";
import { whyNoPeer } from "../support/peer.ts";
import { type Service, withService } from "../support/service.ts";
import { until } from "../support/stack.ts";
import { type Bench, type Figure, median } from "./bench.ts";
import { benchModel } from "./worker/model.ts";
import { startLlamaServer } from "./worker/servers.ts";

const MODEL = "random:0.02B-q8";
const CONTEXT = 4096;
const WORKERS = 2;
const SLOTS = 2;
const CHATS = 6;
const TURNS = 8;
const QUESTION_WORDS = 30;
const ANSWER_TOKENS = 24;
/** Share of the tokens which were read or said in the same chat before that are not read again. */
const LEAST_KEPT = 0.95;
/** Tokens of the prompt whose first token is measured. */
const LONG = 2_000;
const ROUNDS = 5;
/** Time of a first token of a prompt that is kept, in parts of one that is read. */
const MOST_OF_COLD = 0.15;
/** Prompts that come at once. */
const AT_ONCE = 8;
/** Prompts of which none repeats, and by how much they may take longer than without a cache. */
const DIFFERENT = 24;
const DIFFERENT_TOKENS = 700;
const MOST_SLOWER = 0.03;

/** What is kept of chats beyond the slots. */
export const keptChats: Bench = {
  title:
    `${CHATS} chats of ${TURNS} turns over ${SLOTS} slots of each of ${WORKERS} workers (${MODEL}), ` +
    `and ${AT_ONCE} equal prompts of ${LONG} tokens at once`,
  async measure() {
    const { path } = benchModel(MODEL);
    const models = await Deno.makeTempDir({ prefix: "llorch-bench-" });
    try {
      await Deno.symlink(path, join(models, basename(path)));
      return [
        ...await chatsOfOurs(models),
        ...await chatsOfTheirs(path),
        ...await firstTokens(models),
        ...await atOnce(models),
        ...await different(models),
      ];
    } finally {
      await Deno.remove(models, { recursive: true });
    }
  },
};

/** A server of OpenAI's API. */
interface Server {
  readonly url: string;
  readonly model: string;
}

/** Far less than llama-server's cache may take. */
const CACHE = "worker.llama.cache_mib = 512";

async function withOurs(
  models: string,
  { workers = 1, slots, settings = CACHE }: { workers?: number; slots: number; settings?: string },
  work: (server: Server, service: Service) => Promise<void>,
): Promise<void> {
  const poolManagerd = [
    ...["worker.threads = 1", `worker.default_slots = ${slots}`],
    ...[`worker.default_context = ${CONTEXT}`, settings],
  ].join("\n");
  await withService(models, async (service) => {
    const { models: [model] } = await service.client.call(orchestratorRoutes.models, {});
    const pool = createClient({ baseUrl: service.poolManagerd.url });
    const { pool_id } = (await service.client.call(orchestratorRoutes.pools, {})).pools[0]!;
    for (let n = 0; n < workers; n++) {
      await pool.call(poolRoutes.spawn, {
        params: { id: pool_id },
        body: {
          ...{ request_id: `bench-${n}`, model_ref: model!.model_ref },
          fingerprint: model!.fingerprint,
        },
      });
    }
    await until("all workers are ready", async () => {
      const all = await service.workers();
      return all.filter(({ state }) => state === "ready").length === workers;
    });
    await work({ url: service.orchestratord.url, model: model!.model_ref }, service);
  }, { poolManagerd, orchestratord: "queue.capacity = 1000" });
}

async function chatsOfOurs(models: string): Promise<Figure[]> {
  let kept: Kept | undefined;
  await withOurs(models, { workers: WORKERS, slots: SLOTS }, async (server) => {
    kept = await talk(server);
  });
  const share = kept!.cached / kept!.avoidable;
  return [{
    name: `tokens not read again, of ${kept!.avoidable} avoidable ones of ${kept!.prompts}`,
    value: `${kept!.cached} (${(share * 100).toFixed(0)} %)`,
    target: `at least ${LEAST_KEPT * 100} %`,
    isMet: share >= LEAST_KEPT,
  }, { name: "all chats together", value: `${(kept!.ms / 1000).toFixed(1)} s` }];
}

async function chatsOfTheirs(path: string): Promise<Figure[]> {
  const reason = whyNoPeer();
  if (reason !== undefined) return [{ name: "llama-server", value: `skipped: ${reason}` }];
  const slots = WORKERS * SLOTS;
  const settings = { model: path, threads: 1, slots, context: CONTEXT, gpu: undefined };
  const server = await startLlamaServer({ ...settings, ownFlags: [] });
  try {
    const kept = await talk({ url: server.url, model: "bench" });
    const share = kept.cached / kept.avoidable;
    return [{
      name: `llama-server with ${slots} slots: the same, of ${kept.avoidable}`,
      value: `${kept.cached} (${(share * 100).toFixed(0)} %)`,
    }, {
      name: "llama-server: all chats together",
      value: `${(kept.ms / 1000).toFixed(1)} s`,
    }];
  } finally {
    await server.stop();
  }
}

interface Kept {
  readonly prompts: number;
  readonly avoidable: number;
  readonly cached: number;
  readonly ms: number;
}

/** Runs all chats, each turn right after the one before. */
async function talk(server: Server): Promise<Kept> {
  let [prompts, avoidable, cached] = [0, 0, 0];
  const began = performance.now();
  await Promise.all(Array.from({ length: CHATS }, async (_, chat) => {
    const messages: { role: string; content: string }[] = [];
    let before = 0;
    for (let turn = 0; turn < TURNS; turn++) {
      messages.push({ role: "user", content: words(chat * 100 + turn, QUESTION_WORDS) });
      const { text, usage } = await ask(server, "/v1/chat/completions", {
        ...{ messages, max_tokens: ANSWER_TOKENS },
      });
      messages.push({ role: "assistant", content: text });
      prompts += usage.prompt;
      avoidable += before;
      cached += usage.cached;
      // The last token of an answer is not read any more.
      before = usage.prompt + usage.completion - 1;
    }
  }));
  return { prompts, avoidable, cached, ms: performance.now() - began };
}

/** The first token of a long prompt: cold, and after another one has taken its slot. */
async function firstTokens(models: string): Promise<Figure[]> {
  const times = { cold: [] as number[], kept: [] as number[] };
  await withOurs(models, { slots: 1 }, async (server) => {
    for (let round = 0; round < ROUNDS; round++) {
      const prompt = words(1000 + round, LONG);
      const more = { max_tokens: 2 };
      times.cold.push((await ask(server, "/v1/completions", { prompt, ...more })).firstMs);
      await ask(server, "/v1/completions", { prompt: words(2000 + round, LONG), ...more });
      const next = `${prompt} ${words(3000 + round, 20)}`;
      times.kept.push((await ask(server, "/v1/completions", { prompt: next, ...more })).firstMs);
    }
  });
  const [cold, kept] = [median(times.cold), median(times.kept)];
  return [{
    name: `first token of ${LONG} tokens that a slot held before, p50; cold ${cold.toFixed(0)} ms`,
    value: `${kept.toFixed(0)} ms (${(kept / cold).toFixed(2)})`,
    target: `at most ${MOST_OF_COLD} of a cold one`,
    isMet: kept / cold <= MOST_OF_COLD,
  }];
}

async function atOnce(models: string): Promise<Figure[]> {
  let alone = NaN;
  let firsts: number[] = [];
  let read = 0;
  await withOurs(models, { slots: AT_ONCE }, async (server) => {
    const body = { prompt: words(1, LONG), max_tokens: 2 };
    alone = (await ask(server, "/v1/completions", body)).firstMs;
    const all = await Promise.all(
      Array.from(
        { length: AT_ONCE },
        () => ask(server, "/v1/completions", { ...body, prompt: words(2, LONG) }),
      ),
    );
    firsts = all.map(({ firstMs }) => firstMs);
    read = all.reduce((sum, { usage }) => sum + usage.prompt - usage.cached, 0);
  });
  const most = Math.max(...firsts);
  return [{
    name: `${AT_ONCE} equal prompts of ${LONG} tokens at once: tokens read`,
    value: `${read}`,
    target: `at most ${1.05 * LONG}`,
    isMet: read <= 1.05 * LONG,
  }, {
    name: "their first tokens, p50 and last, and of one alone",
    value: [median(firsts), most, alone].map((ms) => ms.toFixed(0)).join(", ") + " ms",
  }];
}

/** Prompts of which none repeats, with and without a cache in turns. */
async function different(models: string): Promise<Figure[]> {
  const slower: number[] = [];
  const off = "worker.llama.cache_mib = 0";
  await withOurs(models, { slots: 1 }, async (withCache) => {
    await withOurs(models, { slots: 1, settings: off }, async (without) => {
      for (let n = 0; n < DIFFERENT; n++) {
        const prompt = words(5000 + n, DIFFERENT_TOKENS);
        const servers = n % 2 === 0 ? [withCache, without] : [without, withCache];
        const times = new Map<Server, number>();
        for (const server of servers) {
          const began = performance.now();
          await ask(server, "/v1/completions", { prompt, max_tokens: 8 });
          times.set(server, performance.now() - began);
        }
        slower.push(times.get(withCache)! / times.get(without)! - 1);
      }
    });
  });
  const all = median(slower);
  return [{
    name:
      `${DIFFERENT} different prompts of ${DIFFERENT_TOKENS} tokens: slower than without a cache, p50`,
    value: `${(all * 100).toFixed(1)} %`,
    target: `at most ${MOST_SLOWER * 100} %`,
    isMet: all <= MOST_SLOWER,
  }];
}

/** Words of the model's vocabulary that depend on `seed`. */
function words(seed: number, count: number): string {
  return Array.from({ length: count }, (_, at) => {
    const number = (seed * 7919 + at * 104_729 + at * at * 31) % (16_000 - MIN_VOCABULARY);
    return `w${number}`;
  }).join(" ");
}

interface Asked {
  readonly text: string;
  readonly firstMs: number;
  readonly usage: { readonly prompt: number; readonly completion: number; readonly cached: number };
}

async function ask({ url, model }: Server, path: string, fields: object): Promise<Asked> {
  const began = performance.now();
  const reply = await fetch(url + path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      ...{ model, stream: true, temperature: 0, stream_options: { include_usage: true } },
      ...fields,
    }),
  });
  if (!reply.ok) throw new Error(`${reply.status}: ${await reply.text()}`);
  let text = "";
  let firstMs: number | undefined;
  let usage: Asked["usage"] | undefined;
  for await (const { data } of readSse(reply.body!)) {
    if (data === "[DONE]") break;
    const chunk = JSON.parse(data);
    const choice = chunk.choices?.[0];
    const piece = choice?.delta?.content ?? choice?.text ?? "";
    if (piece !== "") firstMs ??= performance.now() - began;
    text += piece;
    if (!chunk.usage) continue;
    usage = {
      prompt: chunk.usage.prompt_tokens,
      completion: chunk.usage.completion_tokens,
      cached: chunk.usage.prompt_tokens_details?.cached_tokens ?? 0,
    };
  }
  if (!usage || firstMs === undefined) throw new Error(`An answer is not whole: ${text}`);
  return { text, firstMs, usage };
}
