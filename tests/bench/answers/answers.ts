import { llamaSource } from "../../support/llama_source.ts";
import type { Bench, Figure } from "../bench.ts";
import { type Worst, worstOf } from "./pause.ts";
import { slowestTemplate } from "./prompts.ts";
import { KINDS, readerCosts } from "./reader.ts";
import { checkWorks, grammarWorks } from "./schemas.ts";

/** Most time of the reader for a token, in µs. */
const TOKEN_US = 20;
/** Longest time that one request may hold up the others, in ms. */
const PAUSE_MS = 50;

const source = await llamaSource();

/** What reading answers, rendering templates and checking schemas cost, and whom they hold up. */
export const answerCosts: Bench = {
  title: "answers: the reader, templates and schemas, beside a timer on the same event loop",
  ...("why" in source ? { skipped: source.why } : {}),
  async measure() {
    if ("why" in source) return [];
    const { folder } = source;
    const costs = await readerCosts(folder);
    return [
      ...KINDS.map((kind): Figure => {
        const { median, slowest, family } = costs[kind];
        return {
          name: `reader, ${kind}: median of the families, and slowest`,
          value: `${median.toFixed(1)}, ${slowest.toFixed(1)} µs a token (${family})`,
          target: `under ${TOKEN_US} µs`,
          isMet: slowest < TOKEN_US,
        };
      }),
      pauseOf("template, four short turns and tools", await slowestTemplate(folder, 200)),
      pauseOf("template, four turns of 50 000 characters", await slowestTemplate(folder, 50_000)),
      pauseOf("grammar of a schema", await worstOf(grammarWorks())),
      pauseOf("check of an answer", await worstOf(checkWorks())),
    ];
  },
};

function pauseOf(name: string, { name: which, totalMs, longestPauseMs }: Worst): Figure {
  return {
    name: `${name}: longest pause, and whole time`,
    value: `${longestPauseMs.toFixed(1)}, ${totalMs.toFixed(1)} ms (${which})`,
    target: `under ${PAUSE_MS} ms`,
    isMet: longestPauseMs < PAUSE_MS,
  };
}
