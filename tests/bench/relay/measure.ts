import { delay } from "#shared/lifecycle.ts";
import { percentile } from "../bench.ts";
import { type RawRequest, rawStream, WordCounter } from "./raw_stream.ts";

/** Something that streams tokens. */
export interface Target {
  readonly name: string;
  request(tokens: number): RawRequest;
  /** Text that occurs once in each token's event. */
  readonly word: string;
}

/** A worker's `/execute`, directly or through a proxy. */
export function executeTarget(name: string, url: string): Target {
  return {
    name,
    word: "event: token",
    request: (max_tokens) => ({
      url: `${url}/execute`,
      headers: { authorization: "Bearer source" },
      body: { job_id: "job-1", attempt: 1, model: "counter", prompt: "w0", max_tokens },
    }),
  };
}

/** orchestratord's `/v2/tasks`. */
export function tasksTarget(name: string, url: string): Target {
  return {
    name,
    word: "event: token",
    request: (max_tokens) => ({
      url: `${url}/v2/tasks`,
      body: { model: "counter", prompt: "w0", max_tokens },
    }),
  };
}

/** OpenAI's `/v1/chat/completions`. */
export function chatTarget(name: string, url: string, model = "counter"): Target {
  return {
    name,
    word: `"content":" w`,
    request: (max_tokens) => ({
      url: `${url}/v1/chat/completions`,
      body: { model, max_tokens, stream: true, messages: [{ role: "user", content: "w0" }] },
    }),
  };
}

/** Tokens per second over concurrent streams, each as fast as it can. */
export async function throughput(
  target: Target,
  { streams, tokens }: { readonly streams: number; readonly tokens: number },
): Promise<number> {
  const began = performance.now();
  await Promise.all(Array.from({ length: streams }, async () => {
    let count = 0;
    const counter = new WordCounter(target.word);
    await rawStream(target.request(tokens), (text) => count += counter.feed(text));
    if (count !== tokens) throw new Error(`${target.name}: ${count} of ${tokens} tokens came`);
  }));
  return streams * tokens / ((performance.now() - began) / 1000);
}

/** Time from the request to the first token, in ms. */
export async function firstToken(target: Target): Promise<number> {
  const began = performance.now();
  let first = NaN;
  await rawStream(target.request(1), (text, at) => {
    if (Number.isNaN(first) && text.includes(target.word)) first = at - began;
  });
  return first;
}

/** Gaps between tokens of streams at a pace, in ms. */
export interface Gaps {
  readonly p50: number;
  readonly p99: number;
  readonly longest: number;
  readonly tokens: number;
}

/** Time between the openings of two streams, in ms: a burst of new streams is not measured here. */
const OPEN_EACH_MS = 5;
/** Time after the last opening from which gaps count, in ms. */
const SETTLING_MS = 1000;

/** Runs streams at the source's pace, and measures the gaps while all of them are open. */
export async function pacedGaps(
  target: Target,
  { streams, tokens, intervalMs }: {
    readonly streams: number;
    readonly tokens: number;
    readonly intervalMs: number;
  },
): Promise<Gaps> {
  const gaps: number[] = [];
  const from = performance.now() + streams * OPEN_EACH_MS + SETTLING_MS;
  // After that the first streams end.
  const to = performance.now() + (tokens - 5) * intervalMs;
  let count = 0;
  await Promise.all(Array.from({ length: streams }, async (_, n) => {
    await delay(n * OPEN_EACH_MS + (n * 7) % intervalMs);
    let last: number | undefined;
    const counter = new WordCounter(target.word);
    await rawStream(target.request(tokens), (text, at) => {
      const came = counter.feed(text);
      for (let k = 0; k < came; k++) {
        if (last !== undefined && last >= from && last < to) gaps.push(at - last);
        last = at;
      }
      count += came;
    });
  }));
  return {
    p50: percentile(gaps, 0.5),
    p99: percentile(gaps, 0.99),
    longest: gaps.reduce((a, b) => Math.max(a, b), 0),
    tokens: count,
  };
}
