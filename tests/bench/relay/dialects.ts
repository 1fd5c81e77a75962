/**
 * What a dialect costs beside `/v1/chat/completions`: its first token, and orchestratord's work for
 * each token.
 *
 * @module
 */
import { type Bench, type Figure, median } from "../bench.ts";
import { chatTarget, firstToken, type Target, throughput } from "./measure.ts";
import { inRounds, ms, withParts } from "./parts.ts";
import { usageOf } from "./usage.ts";

const ROUNDS = 5;
/** Requests of each dialect in a round, in turns. */
const PROBES = 200;
const STREAMS = 32;
const TOKENS = 3000;

/** Most that a dialect may add to the first token, in ms. */
const MOST_MS = 0.1;
/** Most that a dialect may add to the work for a token. */
const MOST_SHARE = 0.1;

const CHAT = "/v1/chat/completions";

/** The dialects, with the same prompt. */
function dialects(url: string): Target[] {
  const messages = [{ role: "user", content: "w0" }];
  const target = (path: string, word: string, body: (tokens: number) => object): Target => ({
    name: path,
    word,
    request: (tokens) => ({
      url: url + path,
      body: { model: "counter", stream: true, ...body(tokens) },
    }),
  });
  return [
    chatTarget(CHAT, url),
    target("/v1/responses", `"delta":" w`, (max_output_tokens) => ({
      ...{ input: "w0", max_output_tokens, store: false },
    })),
    target("/v1/messages", `"text":" w`, (max_tokens) => ({ messages, max_tokens })),
    target("/api/chat", `"content":" w`, (num_predict) => ({
      ...{ messages, options: { num_predict } },
    })),
  ];
}

/** Time to the first token of each dialect. */
export const dialectFirstToken: Bench = {
  title: `first token of each dialect, in turns; medians of ${ROUNDS} rounds of ${PROBES}`,
  measure: () =>
    withParts(0, async ({ orchestratord }) => {
      const targets = dialects(orchestratord.url);
      const times = new Map<string, number[]>(targets.map(({ name }) => [name, []]));
      for (let round = 0; round <= ROUNDS; round++) {
        const probes = new Map<string, number[]>(targets.map(({ name }) => [name, []]));
        for (let n = 0; n < PROBES; n++) {
          for (const target of targets) probes.get(target.name)!.push(await firstToken(target));
        }
        // The first round only warms up.
        if (round === 0) continue;
        for (const [name, each] of probes) times.get(name)!.push(median(each));
      }
      return beside(times, ms, (own, base) => own - base, (added) => ({
        target: `adds ${ms(added)}, at most ${ms(MOST_MS)}`,
        isMet: added <= MOST_MS,
      }));
    }),
};

/** CPU time of orchestratord for each token of each dialect. */
export const dialectTokens: Bench = {
  title: `orchestratord's CPU time for a token, ${STREAMS} streams; medians of ${ROUNDS} rounds`,
  measure: () =>
    withParts(0, async ({ orchestratord }) => {
      const { pid } = orchestratord.program;
      const times = await inRounds(dialects(orchestratord.url), ROUNDS, async (target) => {
        const before = usageOf(pid).cpuMs;
        await throughput(target, { streams: STREAMS, tokens: TOKENS });
        return (usageOf(pid).cpuMs - before) * 1000 / (STREAMS * TOKENS);
      });
      const shown = (value: number) => `${value.toFixed(1)} µs`;
      return beside(times, shown, (own, base) => own / base - 1, (share) => ({
        target: `adds ${Math.round(share * 100)} %, at most ${MOST_SHARE * 100} %`,
        isMet: share <= MOST_SHARE,
      }));
    }),
};

/** Figures of all dialects, each but the chat's compared with the chat's of the same round. */
function beside(
  times: ReadonlyMap<string, readonly number[]>,
  shown: (value: number) => string,
  compare: (own: number, base: number) => number,
  judge: (difference: number) => Pick<Figure, "target" | "isMet">,
): Figure[] {
  const base = times.get(CHAT)!;
  return [...times].map(([name, each]): Figure => ({
    ...{ name, value: shown(median(each)) },
    ...(name === CHAT ? {} : judge(median(each.map((own, round) => compare(own, base[round]!))))),
  }));
}
