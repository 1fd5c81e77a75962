/**
 * The worker, alone or compared with llama-server on the same file: both run at the same time, and each
 * scenario measures one and then the other, in the opposite order in every second round.
 *
 * @module
 */
import { type Bench, type Figure, median, percentile } from "../bench.ts";
import { VERSION } from "../../../daemons/worker/engine/libllama/c/abi.ts";
import { findGpu } from "../../support/gpu.ts";
import { benchModel } from "./model.ts";
import { readWorkerBench } from "./options.ts";
import { disturb, firstToken, Prompts, throughput } from "./scenarios.ts";
import {
  llamaServerVersion,
  type RequestKind,
  type Server,
  type ServerSettings,
  startLlamaServer,
  startWorker,
} from "./servers.ts";

const STREAMS = [1, 4, 8, 16];
const GPU_STREAMS = [1, 8, 32];
/** Tokens of a short prompt, of a long one, and that a stream generates. */
const SHORT = 32;
const LONG = 1500;
const GENERATED = 96;
/** Requests per round that measure the first token. */
const PROBES = 20;
/** Streams that a long prompt disturbs, and what each generates. */
const DISTURBED = 4;
const DISTURBED_TOKENS = 320;

/** Streams of requests that ask for more than tokens, and what that is. */
const ASKING_STREAMS = 8;
const ASKING: Readonly<Record<Exclude<RequestKind, "plain">, string>> = {
  penalties: "penalties and stop texts",
  grammar: "a grammar",
  logprobs: "five logprobs",
};

/** Figures of one server in one round, by name. */
type Round = ReadonlyMap<string, number>;

/** The target of one of our figures, relative to llama-server's. */
interface Measure {
  readonly key: string;
  readonly name: string;
  readonly unit: "/s" | "ms" | "MiB";
  /** Whether a ratio to llama-server's figure meets it. */
  readonly target?: {
    readonly text: string;
    isMet(ratio: number, ours: number, theirs: number): boolean;
  };
}

const atLeast = (limit: number) => ({
  text: `at least ${limit}`,
  isMet: (ratio: number) => ratio >= limit,
});
const atMost = (limit: number) => ({
  text: `at most ${limit}`,
  isMet: (ratio: number) => ratio <= limit,
});
const atMostPlus = (factor: number, more: number, unit: string) => ({
  text: `at most ${factor} × and ${more} ${unit} more`,
  isMet: (_: number, ours: number, theirs: number) => ours <= factor * theirs + more,
});

function measures(streams: readonly number[]): Measure[] {
  const rates: Record<number, Measure["target"]> = {
    1: atLeast(1),
    4: atLeast(1),
    8: atLeast(1.05),
    16: atLeast(1),
  };
  return [
    ...streams.map((n): Measure => ({
      key: `rate ${n}`,
      name: `tokens/s, ${n} ${n === 1 ? "stream" : "streams"}`,
      unit: "/s",
      ...rates[n] ? { target: rates[n] } : {},
    })),
    ...streams.map((n): Measure => ({
      key: `gap ${n}`,
      name: `between two tokens, p99, ${n} ${n === 1 ? "stream" : "streams"}`,
      unit: "ms",
      ...n === 1 || n === 16 ? { target: atMost(1) } : {},
    })),
    ...Object.entries(ASKING).map(([kind, text]): Measure => ({
      ...{ key: kind, name: `tokens/s, ${ASKING_STREAMS} streams, each with ${text}`, unit: "/s" },
      target: atLeast(1.05),
    })),
    { key: "ttft 50", name: `first token, p50, ${SHORT} tokens`, unit: "ms", target: atMost(1) },
    { key: "ttft 99", name: "first token, p99", unit: "ms" },
    { key: "cold", name: `first token, ${LONG} tokens, cold`, unit: "ms" },
    { key: "hit", name: `first token, ${LONG} tokens, prefix hit`, unit: "ms" },
    { key: "quiet", name: `gap of ${DISTURBED} streams, quiet, p99`, unit: "ms" },
    { key: "disturbed", name: `gap while ${LONG} tokens come in, p99`, unit: "ms" },
    {
      key: "longest",
      name: `gap while ${LONG} tokens come in, longest`,
      unit: "ms",
      target: atMost(0.05),
    },
    {
      key: "beside",
      name: `first token of those ${LONG} tokens`,
      unit: "ms",
      target: atMost(1.5),
    },
    { key: "load", name: "start to ready", unit: "ms", target: atMost(1.1) },
    { key: "rss", name: "RSS", unit: "MiB", target: atMostPlus(1.1, 150, "MiB") },
  ];
}

/**
 * The bench for given arguments: `--vs llama-server --model random:0.17B-q4 --rounds 5 --threads 1`,
 * `--gpu 0`; further flags of our worker follow `--`.
 */
export function workerBench(args: readonly string[]): Bench {
  const { peer, model: modelName, rounds, threads, gpu, ownFlags } = readWorkerBench(args);
  const streams = gpu === undefined ? STREAMS : GPU_STREAMS;
  const build = gpu === undefined ? undefined : findGpu(gpu);
  return {
    title: `${modelName}, ${gpu === undefined ? `${threads} threads` : `GPU ${gpu}`}, ` +
      `${Math.max(...streams)} slots${peer === undefined ? "" : `, in turn with ${peer}`}; ` +
      `medians of ${rounds} rounds`,
    ...typeof build === "string" ? { skipped: build } : {},
    async measure() {
      const model = benchModel(modelName);
      const settings: ServerSettings = {
        model: model.path,
        ends: model.ends,
        threads,
        slots: Math.max(...streams),
        context: 2048,
        gpu,
        program: typeof build === "object" ? build.path : undefined,
        ownFlags,
      };
      const starts = [
        (own: ServerSettings) => startWorker(own),
        ...peer === undefined ? [] : [(own: ServerSettings) => startLlamaServer(own, peer)],
      ];
      console.log(`  ours: llama.cpp ${VERSION}`);
      if (peer !== undefined) console.log(`  theirs: ${await llamaServerVersion(peer)}`);
      const results = new Map<string, Round[]>();
      for (let round = 0; round < rounds; round++) {
        const order = round % 2 === 0 ? starts : starts.toReversed();
        for (
          const [name, figures] of await oneRound(order, settings, model.vocabulary, streams, round)
        ) {
          results.set(name, [...results.get(name) ?? [], figures]);
        }
        console.log(
          `  round ${round + 1} of ${rounds}, load average ${Deno.loadavg()[0]!.toFixed(1)}`,
        );
      }
      return table(results.get("llorch")!, results.get("llama-server"), measures(streams));
    },
  };
}

/** Starts the servers and runs each scenario on each of them in turn. */
async function oneRound(
  starts: readonly ((settings: ServerSettings) => Promise<Server>)[],
  settings: ServerSettings,
  vocabulary: number,
  streams: readonly number[],
  round: number,
): Promise<Map<string, Round>> {
  const servers: Server[] = [];
  try {
    for (const start of starts) servers.push(await start(settings));
    const prompts = new Prompts(vocabulary, 1 + round);
    const results = new Map(servers.map(({ name, loadMs }) => [name, new Map([["load", loadMs]])]));
    const each = async (
      measure: (server: Server, put: (key: string, value: number) => void) => Promise<void>,
    ) => {
      for (const server of servers) {
        const figures = results.get(server.name)!;
        await measure(server, (key, value) => figures.set(key, value));
      }
    };
    // Warms up: the first measurement would include the first use of memory pages.
    const warm = prompts.next(SHORT);
    await each(async (server) => {
      await throughput(server, [warm], 16);
    });
    for (const count of streams) {
      const all = Array.from({ length: count }, () => prompts.next(SHORT));
      await each(async (server, put) => {
        const { rate, gapP99 } = await throughput(server, all, GENERATED);
        put(`rate ${count}`, rate);
        put(`gap ${count}`, gapP99);
      });
    }
    for (const kind of ["penalties", "grammar", "logprobs"] as const) {
      const all = Array.from({ length: ASKING_STREAMS }, () => prompts.next(SHORT));
      await each(async (server, put) => {
        put(kind, (await throughput(server, all, GENERATED, kind)).rate);
      });
    }
    const times = new Map<string, number[]>(servers.map(({ name }) => [name, []]));
    for (let probe = 0; probe < PROBES; probe++) {
      const prompt = prompts.next(SHORT);
      await each(async (server) => {
        times.get(server.name)!.push(await firstToken(server, prompt));
      });
    }
    const long = prompts.next(LONG);
    const again = [...long.slice(0, -1), ...prompts.next(2).slice(1)];
    const running = Array.from({ length: DISTURBED }, () => prompts.next(SHORT));
    const other = prompts.next(LONG);
    await each(async (server, put) => {
      put("ttft 50", median(times.get(server.name)!));
      put("ttft 99", percentile(times.get(server.name)!, 0.99));
      put("cold", await firstToken(server, long));
      put("hit", await firstToken(server, again));
    });
    await each(async (server, put) => {
      const { quietP99, p99, longest, ttft } = await disturb(
        server,
        running,
        DISTURBED_TOKENS,
        other,
      );
      put("quiet", quietP99);
      put("disturbed", p99);
      put("longest", longest);
      put("beside", ttft);
      put("rss", server.rssBytes() / 2 ** 20);
    });
    return results;
  } finally {
    for (const server of servers) await server.stop();
  }
}

/** Medians of both, and the median of the ratios within rounds. */
function table(
  ours: readonly Round[],
  theirs: readonly Round[] | undefined,
  measures: readonly Measure[],
): Figure[] {
  const of = (rounds: readonly Round[], key: string) => rounds.map((round) => round.get(key)!);
  const figures = measures.map(({ key, name, unit, target }): Figure => {
    const own = median(of(ours, key));
    if (!theirs) return { name, value: show(own, unit) };
    const other = median(of(theirs, key));
    const ratio = median(of(ours, key).map((value, n) => value / of(theirs, key)[n]!));
    const value = `${show(own, unit)}, llama-server ${show(other, unit)}`;
    const shown = `${ratio.toFixed(2)} ×`;
    if (!target) return { name, value, target: shown };
    return {
      name,
      value,
      target: `${shown}, ${target.text}`,
      isMet: target.isMet(ratio, own, other),
    };
  });
  const ownRatio = (above: string, below: string) =>
    median(of(ours, above).map((value, n) => value / of(ours, below)[n]!));
  const hit = ownRatio("hit", "cold");
  return [
    ...figures,
    {
      name: "our prefix hit against our cold",
      value: `${hit.toFixed(3)} ×`,
      target: "at most 0.1",
      isMet: hit <= 0.1,
    },
  ];
}

function show(value: number, unit: Measure["unit"]): string {
  const digits = value < 100 ? 1 : 0;
  return unit === "/s" ? `${value.toFixed(digits)}/s` : `${value.toFixed(digits)} ${unit}`;
}
