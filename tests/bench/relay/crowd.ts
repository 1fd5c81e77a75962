/**
 * What orchestratord adds where many clients ask at once, what a whole small answer costs it, and how many tokens
 * a second it carries.
 *
 * @module
 */
import { type Bench, type Figure, median, percentile } from "../bench.ts";
import { chatTarget, firstToken, pacedGaps, type Target, tasksTarget } from "./measure.ts";
import { inRounds, ms, withParts } from "./parts.ts";
import { type Proxy, startBareRelay, stop } from "./proxies.ts";
import { RawClient } from "./raw_client.ts";
import { usageOf } from "./usage.ts";

const ROUNDS = 3;
const SPAN_MS = 3_000;

const CLIENTS = [4, 16, 64] as const;
/** Time that the source takes to its first token, in ms. */
const FIRST_MS = 20;
/** What `/v1` may add at the 99th percentile, in times of what nginx adds. */
const MOST_OF_NGINX = 1.5;

/** First tokens of many clients, each of which asks again as soon as it has its answer. */
export const crowdFirstToken: Bench = {
  title:
    `first token of ${CLIENTS.join(", ")} clients at once, a source that takes ${FIRST_MS} ms; ` +
    `medians of ${ROUNDS} rounds of ${SPAN_MS / 1000} s`,
  measure: () =>
    withParts(0, async ({ source, nginx, orchestratord }) => {
      const targets = [
        chatTarget("source", source.url),
        ...(nginx ? [chatTarget("nginx", nginx.url)] : []),
        chatTarget("/v1/chat/completions", orchestratord.url),
      ];
      const figures: Figure[] = [];
      for (const clients of CLIENTS) {
        const times = await inRounds(targets, ROUNDS, (target) => crowd(target, clients));
        const added = (name: string) =>
          median(times.get(name)!.map((own, n) => own.p99 - times.get("source")![n]!.p99));
        for (const [name, all] of times) {
          const value = `p50 ${ms(median(all.map(({ p50 }) => p50)))}, ` +
            `p99 ${ms(median(all.map(({ p99 }) => p99)))}`;
          const title = `${clients} clients: ${name}`;
          if (!name.startsWith("/")) figures.push({ name: title, value });
          else {
            const theirs = nginx && added("nginx");
            const target = `p99 adds ${ms(added(name))}` +
              (theirs === undefined ? "" : `, nginx ${ms(theirs)}, at most ${MOST_OF_NGINX} ×`);
            const isMet = theirs === undefined
              ? {}
              : { isMet: added(name) <= MOST_OF_NGINX * theirs };
            figures.push({ name: title, value, target, ...isMet });
          }
        }
      }
      return figures;
    }, FIRST_MS),
};

async function crowd(target: Target, clients: number): Promise<{ p50: number; p99: number }> {
  const times: number[] = [];
  const end = performance.now() + SPAN_MS;
  await Promise.all(Array.from({ length: clients }, async () => {
    while (performance.now() < end) times.push(await firstToken(target));
  }));
  return { p50: percentile(times, 0.5), p99: percentile(times, 0.99) };
}

const WHOLE_CLIENTS = 16;
const LEAST_ANSWERS = 3_000;
const MOST_CPU_MS = 0.33;

/** Whole answers of one token. */
export const wholeAnswers: Bench = {
  title: `whole answers of one token, ${WHOLE_CLIENTS} clients on connections that stay open; ` +
    `medians of ${ROUNDS} rounds of ${SPAN_MS / 1000} s`,
  measure: () =>
    withParts(0, async ({ source, orchestratord }) => {
      const bare = await startBareRelay(source.url);
      const servers = new Map<string, Proxy>([
        ["a bare relay in Deno", bare],
        ["/v1/chat/completions", orchestratord],
      ]);
      try {
        const rounds = await inRounds(
          [...servers].map(([name, { url }]) => chatTarget(name, url)),
          ROUNDS,
          async ({ name }) => {
            const { url, program: { pid } } = servers.get(name)!;
            const before = usageOf(pid).cpuMs;
            const count = await answers(url);
            const cpuMs = (usageOf(pid).cpuMs - before) / count;
            return { rate: count / (SPAN_MS / 1000), cpuMs };
          },
        );
        return [...rounds].map(([name, all]): Figure => {
          const rate = median(all.map((each) => each.rate));
          const cpuMs = median(all.map((each) => each.cpuMs));
          const value = `${Math.round(rate)}/s, ${cpuMs.toFixed(2)} ms of its processor time each`;
          if (!name.startsWith("/")) return { name, value };
          const target = `at least ${LEAST_ANSWERS}/s, or at most ${MOST_CPU_MS} ms each`;
          return { name, value, target, isMet: rate >= LEAST_ANSWERS || cpuMs <= MOST_CPU_MS };
        });
      } finally {
        await stop(bare);
      }
    }),
};

async function answers(url: string): Promise<number> {
  const body = {
    ...{ model: "counter", max_tokens: 1 },
    messages: [{ role: "user", content: "w0" }],
  };
  const end = performance.now() + SPAN_MS;
  let count = 0;
  await Promise.all(Array.from({ length: WHOLE_CLIENTS }, async () => {
    const client = await RawClient.connect(url);
    for (; performance.now() < end; count++) {
      const status = await client.post("/v1/chat/completions", body);
      if (status !== 200) throw new Error(`An answer has the status ${status}`);
    }
    client.close();
  }));
  return count;
}

const INTERVAL_MS = 25;
const STREAMS = [125, 250, 375, 500, 625, 750] as const;
const LEAST_TOKENS = 25_000;

/** Streams at a pace, more and more of them, until the 99th percentile of their gaps is twice the pace. */
export const carriedTokens: Bench = {
  title: `tokens/s until the p99 of gaps doubles, streams of ${1000 / INTERVAL_MS} tokens/s`,
  measure: () =>
    withParts(INTERVAL_MS, async ({ source, orchestratord }) => {
      const figures: Figure[] = [];
      for (
        const target of [
          chatTarget("source, /v1", source.url),
          chatTarget("/v1/chat/completions", orchestratord.url),
          tasksTarget("/v2/tasks", orchestratord.url),
        ]
      ) {
        let carried = 0;
        const seen: string[] = [];
        await pacedGaps(target, { streams: 50, tokens: 100, intervalMs: INTERVAL_MS });
        for (const streams of STREAMS) {
          const tokens = 200 + streams * 5 / INTERVAL_MS;
          const { p99 } = await pacedGaps(target, { streams, tokens, intervalMs: INTERVAL_MS });
          const rate = streams * 1000 / INTERVAL_MS;
          seen.push(`${rate}: ${ms(p99)}`);
          if (p99 >= 2 * INTERVAL_MS) break;
          carried = rate;
        }
        const isOurs = target.name.startsWith("/");
        figures.push({
          name: target.name,
          value: `${carried}/s (p99 at ${seen.join(", ")})`,
          ...(isOurs
            ? { target: `at least ${LEAST_TOKENS}/s`, isMet: carried >= LEAST_TOKENS }
            : {}),
        });
      }
      return figures;
    }),
};
