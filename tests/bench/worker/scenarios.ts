import { seededRandom } from "../../support/random.ts";
import { MIN_VOCABULARY } from "../../support/vocabulary.ts";
import { percentile } from "../bench.ts";
import { rawStream, WordCounter } from "../relay/raw_stream.ts";
import type { RequestKind, Server } from "./servers.ts";

/** Makes prompts that are the same for both servers, and that share no beginning. */
export class Prompts {
  readonly #random: () => number;
  readonly #words: number;

  constructor(vocabulary: number, seed: number) {
    this.#random = seededRandom(seed);
    this.#words = vocabulary - MIN_VOCABULARY;
  }

  /** A prompt of this many random words after the token that begins a text. */
  next(length: number): number[] {
    const word = () => MIN_VOCABULARY + Math.floor(this.#random() * this.#words);
    return [1, ...Array.from({ length: length - 1 }, word)];
  }
}

/** Arrival times of a stream's tokens, in ms; tokens of one read have the same time. */
async function arrivals(
  server: Server,
  prompt: readonly number[],
  tokens: number,
  { kind = "plain", onToken = () => {} }: {
    readonly kind?: RequestKind;
    readonly onToken?: (count: number) => void;
  } = {},
): Promise<number[]> {
  const times: number[] = [];
  const counter = new WordCounter(server.word);
  await rawStream(server.request(prompt, tokens, kind), (text, at) => {
    for (let more = counter.feed(text); more > 0; more--) times.push(at);
    onToken(times.length);
  });
  // Fewer may come alone: one that ends in the middle of a character comes with the next one.
  if (times.length > tokens) {
    throw new Error(`${server.name}: ${times.length} of ${tokens} tokens came`);
  }
  return times;
}

const gapsOf = (times: readonly number[]) => times.slice(1).map((at, n) => at - times[n]!);

/** Tokens per second over streams that begin together, prompts included, and gaps within streams. */
export async function throughput(
  server: Server,
  prompts: readonly (readonly number[])[],
  tokens: number,
  kind: RequestKind = "plain",
): Promise<{ rate: number; gapP99: number }> {
  const began = performance.now();
  const all = await Promise.all(
    prompts.map((prompt) => arrivals(server, prompt, tokens, { kind })),
  );
  const seconds = (performance.now() - began) / 1000;
  return {
    rate: prompts.length * tokens / seconds,
    gapP99: percentile(all.flatMap(gapsOf), 0.99),
  };
}

/** Time to the first token of one request, in ms. */
export async function firstToken(server: Server, prompt: readonly number[]): Promise<number> {
  const began = performance.now();
  const [first] = await arrivals(server, prompt, 1);
  return first! - began;
}

/** How a long prompt that comes in affects running streams. */
export interface Disturbance {
  /** 99th percentile of the gaps before, in ms. */
  readonly quietP99: number;
  /** The same while the prompt is read. */
  readonly p99: number;
  readonly longest: number;
  /** Time to the first token of the long prompt itself, in ms. */
  readonly ttft: number;
}

/** Tokens that each stream has when the prompt comes. */
const BEFORE = 32;

/** Sends a long prompt once all streams run. */
export async function disturb(
  server: Server,
  running: readonly (readonly number[])[],
  tokens: number,
  long: readonly number[],
): Promise<Disturbance> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const counts = running.map(() => 0);
  const streams = running.map((prompt, n) =>
    arrivals(server, prompt, tokens, {
      onToken(count) {
        counts[n] = count;
        if (counts.every((each) => each >= BEFORE)) resolve();
      },
    })
  );
  await Promise.race([promise, Promise.all(streams)]);
  const from = performance.now();
  const ttft = await firstToken(server, long);
  const to = from + ttft;
  const all = await Promise.all(streams);
  const last = Math.min(...all.map((times) => times.at(-1)!));
  if (last < to) console.log(`  ${server.name}: a stream ended before the long prompt was read`);
  const gaps = (begin: number, end: number) =>
    all.flatMap((times) =>
      gapsOf(times).filter((gap, n) => times[n + 1]! > begin && times[n + 1]! - gap < end)
    );
  const begun = Math.max(...all.map(([first]) => first!));
  const meanwhile = gaps(from, to);
  return {
    quietP99: percentile(gaps(begun, from - 1).filter((gap) => gap > 0), 0.99),
    p99: percentile(meanwhile, 0.99),
    longest: Math.max(...meanwhile),
    ttft,
  };
}
