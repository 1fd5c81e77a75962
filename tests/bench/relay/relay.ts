/**
 * What orchestratord adds to a stream. A source that implements the worker's contract is measured directly,
 * through nginx, and through orchestratord, one after the other in each round.
 *
 * @module
 */
import { join } from "node:path";
import { type Bench, type Figure, median } from "../bench.ts";
import { chatTarget, executeTarget, type Target, tasksTarget } from "./measure.ts";
import { firstToken, type Gaps, pacedGaps, throughput } from "./measure.ts";
import { liteLlm, llamaServerRouter, llamaSwap, type Peer, type PeerOrReason } from "./peers.ts";
import { inRounds, ms, withParts } from "./parts.ts";
import { startBareRelay, stop } from "./proxies.ts";
import { RawInserts } from "./raw_inserts.ts";
import { usageOf } from "./usage.ts";

const STREAMS = 500;
const INTERVAL_MS = 50;
const ROUNDS = 5;
const PROBES = 200;
/**
 * V8 compiles what runs often, and the more often, the better: a request takes half as long after thousands of others
 * than at first. What takes long is asked for this many ms.
 */
const WARM_UP = 6_000;
const WARM_UP_MS = 20_000;

const BARE = "a bare relay in Deno, /v1";

/** Tokens per second through each target, as fast as possible. */
export const relayThroughput: Bench = {
  title: `tokens/s over 32 streams, a source without pace; medians of ${ROUNDS} rounds`,
  measure: () =>
    withParts(0, async ({ source, nginx, orchestratord }) => {
      const each = await inRounds(
        [...pairs(source.url, nginx?.url), ...ours(orchestratord.url)],
        ROUNDS,
        (target) => throughput(target, { streams: 32, tokens: 3000 }),
      );
      const rate = (name: string) => median(each.get(name) ?? []);
      return [...each.keys()].map((name): Figure => {
        const value = `${Math.round(rate(name))}/s`;
        const base = name === "/v2/tasks" ? "nginx, /execute" : "nginx, /v1";
        if (!name.startsWith("/") || !each.has(base)) return { name, value };
        const ratio = median(each.get(name)!.map((own, n) => own / each.get(base)![n]!));
        const target = `${ratio.toFixed(2)} × nginx, at least 0.8`;
        return { name, value, target, isMet: ratio >= 0.8 };
      });
    }),
};

/** Time to the first token, one request after the other. */
export const relayFirstToken: Bench = {
  title: `first token, one request at a time, each after ${WARM_UP} others; ` +
    `medians of ${ROUNDS} rounds of ${PROBES}`,
  measure: () =>
    withParts(0, async ({ dir, source, nginx, orchestratord }) => {
      const peers = await Promise.all([
        named("llama-server's router", llamaServerRouter(dir)),
        named("llama-swap", llamaSwap(dir, source.url)),
        named("LiteLLM", liteLlm(dir, source.url)),
      ]);
      const there = peers.flatMap(({ peer }) => typeof peer === "string" ? [] : [peer]);
      const targets = [...pairs(source.url, nginx?.url), ...ours(orchestratord.url)];
      const bare = await startBareRelay(source.url);
      targets.push(chatTarget(BARE, bare.url));
      using inserts = new RawInserts(join(dir, "raw.sqlite"));
      const insertTimes: number[] = [];
      try {
        const times = await inRounds(
          [...targets, ...there.flatMap((peer) => routedPair(peer))],
          ROUNDS,
          async (target, round) => {
            const probes: number[] = [];
            const until = round === 0 ? performance.now() + WARM_UP_MS : Infinity;
            const count = round === 0 ? WARM_UP : PROBES;
            while (probes.length < count && performance.now() < until) {
              probes.push(await firstToken(target));
            }
            // Beside what waits for such an insert, since disks have good and bad moments.
            if (target.name === "/v2/tasks" && round > 0) {
              insertTimes.push(median(Array.from({ length: PROBES }, () => inserts.time())));
            }
            return median(probes);
          },
        );
        const added = (name: string, base: string) =>
          median(times.get(name)!.map((own, n) => own - times.get(base)![n]!));
        const router = there.find(({ name }) => name === "llama-server's router");
        const routerAdds = router && added(router.name, router.direct.name);
        const limit = Math.min(0.5, routerAdds ?? 0.5);
        return [
          ...[...times.keys()].map((name) => ({ name, value: ms(median(times.get(name)!)) })),
          ...["nginx, /v1", BARE, "llama-swap", "LiteLLM"].filter((name) => times.has(name))
            .map((name) => ({ name: `${name} adds`, value: ms(added(name, "source, /v1")) })),
          ...(router ? [{ name: "llama-server's router adds", value: ms(routerAdds!) }] : []),
          {
            name: "/v1/chat/completions adds",
            value: ms(added("/v1/chat/completions", "source, /v1")),
            target: `at most ${ms(limit)}`,
            isMet: added("/v1/chat/completions", "source, /v1") <= limit,
          },
          { name: "an insert into SQLite with its sync to disk", value: ms(median(insertTimes)) },
          {
            name: "/v2/tasks adds, with the sync to disk",
            value: ms(added("/v2/tasks", "source, /execute")),
            target: `at most ${ms(median(insertTimes) + 0.5)}`,
            isMet: added("/v2/tasks", "source, /execute") <= median(insertTimes) + 0.5,
          },
          ...peers.flatMap(({ name, peer }) =>
            typeof peer === "string" ? [{ name: `${name}: skipped`, value: peer }] : []
          ),
        ];
      } finally {
        await stop(bare);
        for (const program of there.flatMap(({ programs }) => programs)) await stop({ program });
      }
    }),
};

/** Many streams at a fixed pace: the gaps between their tokens, and the cost. */
export const relayPaced: Bench = {
  title: `${STREAMS} streams at ${1000 / INTERVAL_MS} tokens/s; medians of ${ROUNDS} rounds`,
  measure: () =>
    withParts(INTERVAL_MS, async ({ source, nginx, orchestratord }) => {
      const { pid } = orchestratord.program;
      const cpu = new Map<string, number[]>();
      const each = await inRounds(
        [...pairs(source.url, nginx?.url), ...ours(orchestratord.url)],
        ROUNDS,
        async (target) => {
          const before = { cpuMs: usageOf(pid).cpuMs, at: performance.now() };
          const gaps = await pacedGaps(target, {
            streams: STREAMS,
            tokens: 150,
            intervalMs: INTERVAL_MS,
          });
          const share = (usageOf(pid).cpuMs - before.cpuMs) / (performance.now() - before.at);
          cpu.set(target.name, [...cpu.get(target.name) ?? [], share]);
          return gaps;
        },
      );
      const of = (name: string, key: keyof Gaps) => each.get(name)!.map((gaps) => gaps[key]);
      return [
        ...[...each.keys()].map((name): Figure => {
          const value = `p50 ${ms(median(of(name, "p50")))}, p99 ${ms(median(of(name, "p99")))}, ` +
            `longest ${ms(median(of(name, "longest")))}`;
          if (!name.startsWith("/")) return { name, value };
          const base = name === "/v2/tasks" ? "source, /execute" : "source, /v1";
          const added = median(of(name, "p99").map((p99, n) => p99 - of(base, "p99")[n]!));
          const target = `p99 added ${ms(added)}, under 25; ` +
            `CPU ${median(cpu.get(name)!).toFixed(2)} of a core`;
          return { name, value, target, isMet: added < 25 };
        }),
        {
          name: "RSS of orchestratord",
          value: `${Math.round(usageOf(pid).rssBytes / 2 ** 20)} MiB`,
        },
      ];
    }),
};

function pairs(source: string, nginx: string | undefined): Target[] {
  const both = (name: string, url: string) => [
    executeTarget(`${name}, /execute`, url),
    chatTarget(`${name}, /v1`, url),
  ];
  return [...both("source", source), ...(nginx === undefined ? [] : both("nginx", nginx))];
}

function ours(url: string): Target[] {
  return [tasksTarget("/v2/tasks", url), chatTarget("/v1/chat/completions", url)];
}

/** The targets of a peer: a peer with its own source is compared with that source. */
function routedPair({ direct, through }: Peer): Target[] {
  return direct.name === "source" ? [through] : [direct, through];
}

async function named(name: string, peer: Promise<PeerOrReason>) {
  return { name, peer: await peer.catch((error) => `did not start: ${error}`) };
}
