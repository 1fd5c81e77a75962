/**
 * How soon a client that leaves frees its slot: from then to the first step of the client that waits.
 *
 * @module
 */
import { dialects } from "../../../daemons/orchestratord/testing/dialects.ts";
import { type OneSlot, withOneSlot } from "../../support/one_slot.ts";
import { until } from "../../support/stack.ts";
import { delay } from "#shared/lifecycle.ts";
import { type Bench, type Figure, median } from "../bench.ts";
import { ms } from "./parts.ts";

const ROUNDS = 10;
const STEP_MS = 20;
/** Longest time beyond the step that runs, in ms. */
const MOST_MS = 100;

/** By the length of its prompt, the first step of the client that waits is known. */
const WAITING = "x".repeat(77);

/** Time from a client's leaving to the next client's first step. */
export const leavingClients: Bench = {
  title: `a client leaves, the next one's step begins; steps of ${STEP_MS} ms; ` +
    `medians of ${ROUNDS}`,
  async measure() {
    const figures: Figure[] = [];
    const starts: number[] = [];
    await withOneSlot(async () => {
      starts.push(performance.now());
      await delay(STEP_MS);
    }, async (parts) => {
      for (const name of Object.keys(dialects)) {
        for (const stream of [true, false]) {
          const times: number[] = [];
          for (let n = 0; n < ROUNDS; n++) times.push(await once(parts, starts, name, stream));
          const time = median(times);
          figures.push({
            name: `${dialects[name]!.path}, ${stream ? "streamed" : "whole"}`,
            value: ms(time),
            target: `at most the step and ${MOST_MS} ms`,
            isMet: time <= STEP_MS + MOST_MS,
          });
        }
      }
    });
    return figures;
  },
};

/** One client leaves while another waits. */
async function once(
  { url, engine }: OneSlot,
  starts: readonly number[],
  name: string,
  stream: boolean,
): Promise<number> {
  const dialect = dialects[name]!;
  const ask = (content: string, maxTokens: number, signal: AbortSignal | null = null) =>
    fetch(url + dialect.path, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ model: "counter", stream, ...dialect.body({ content, maxTokens }) }),
      signal,
    }).then((reply) => reply.text());
  const from = engine.steps.length;
  const leave = new AbortController();
  const left = ask("hi", 500, leave.signal).catch(() => {});
  await until("it generates", () => engine.steps.length > from + 2);
  const waiting = ask(WAITING, 1);
  await until("the other one waits", async () => {
    return (await (await fetch(`${url}/v2/queue`)).json()).depth === 1;
  });
  const at = performance.now();
  leave.abort();
  await Promise.all([left, waiting]);
  const first = engine.steps.findIndex(([, tokens], index) => index >= from + 2 && tokens > 1);
  return starts[first]! - at;
}
