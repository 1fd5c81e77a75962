/**
 * Guessed tokens (`--speculative`) on text that repeats earlier text, as an edit of code or data does, and
 * on text that does not.
 *
 * @module
 */
import { MIN_VOCABULARY } from "../../support/vocabulary.ts";
import { type Bench, type Figure, median } from "../bench.ts";
import { benchModel } from "./model.ts";
import { throughput } from "./scenarios.ts";
import { type Server, startWorker } from "./servers.ts";

const MODEL = "counter:0.17B-q4";
const DRAFT = "counter:0.02B-q4";
const ROUNDS = 3;
/** Numbers that the prompt counts; then it begins again, and the reply goes on. */
const LENGTH = 200;
const GENERATED = 128;
const STREAMS = [1, 4];

/** Factor by which repetitive text must be faster. */
const TARGET = 1.5;

/** Begins to count at a number, once or a second time. */
function prompt(from: number, repeats: boolean): number[] {
  const word = (n: number) => MIN_VOCABULARY + from + n;
  const whole = Array.from({ length: LENGTH }, (_, n) => word(n));
  return [1, ...whole, ...repeats ? [word(0), word(1), word(2), word(3)] : []];
}

/** Tokens per second with guesses and without, of the same prompts in turn. */
export const guessing: Bench = {
  title: `--speculative on ${MODEL}, 1 thread; medians of ${ROUNDS} rounds`,
  async measure() {
    const settings = {
      model: benchModel(MODEL).path,
      threads: 1,
      slots: Math.max(...STREAMS),
      context: 1024,
      gpu: undefined,
    };
    // Both of one vocabulary.
    const draft = benchModel(DRAFT, benchModel(MODEL).vocabulary).path;
    const flags: Record<string, readonly string[]> = {
      off: [],
      lookup: ["--speculative", "lookup"],
      draft: ["--speculative", "draft", "--draft-model", draft],
    };
    const servers: Server[] = [];
    const rates = new Map<string, number[]>();
    try {
      for (const [name, ownFlags] of Object.entries(flags)) {
        servers.push(await startWorker({ ...settings, ownFlags }, name));
      }
      for (let round = 0; round <= ROUNDS; round++) {
        for (const repeats of [true, false]) {
          for (const streams of STREAMS) {
            const prompts = Array.from(
              { length: streams },
              (_, n) => prompt(1000 * (n + 1) + 300 * round, repeats),
            );
            for (const server of servers) {
              const { rate } = await throughput(server, prompts, GENERATED);
              const key = keyOf(server.name, repeats, streams);
              // The first round only warms up.
              if (round > 0) rates.set(key, [...rates.get(key) ?? [], rate]);
            }
          }
        }
      }
    } finally {
      for (const server of servers) await server.stop();
    }
    return [true, false].flatMap((repeats) =>
      STREAMS.flatMap((streams) =>
        Object.keys(flags).map((name): Figure => {
          const own = rates.get(keyOf(name, repeats, streams))!;
          const off = rates.get(keyOf("off", repeats, streams))!;
          const ratio = median(own.map((rate, n) => rate / off[n]!));
          const figure = {
            name: `${repeats ? "repetitive" : "new"} text, ${streams} streams, ${name}`,
            value: `${median(own).toFixed(0)}/s`,
          };
          if (name === "off") return figure;
          const shown = `${ratio.toFixed(2)} ×`;
          if (!repeats || streams > 1 || name !== "lookup") return { ...figure, target: shown };
          return { ...figure, target: `${shown}, at least ${TARGET}`, isMet: ratio >= TARGET };
        })
      )
    );
  },
};

function keyOf(name: string, repeats: boolean, streams: number): string {
  return `${name} ${repeats} ${streams}`;
}
