import { AnswerReader } from "../../../daemons/worker/answers/reader/reader.ts";
import { findSyntax } from "../../../daemons/worker/chat/find_syntax.ts";
import { FAMILIES, type Family } from "../../conformance/models/families.ts";
import { renderer } from "../../conformance/models/render.ts";
import { cutScript } from "../../support/script_vocabulary.ts";
import { median } from "../bench.ts";
import { templateSource } from "./source.ts";

/** About this many tokens are read in a round. */
const TOKENS = 20_000;
const ROUNDS = 3;

/** What a long answer consists of. */
export const KINDS = ["text", "thought", "one long call", "many calls"] as const;
export type Kind = typeof KINDS[number];

/** Time that the reader takes for a token, in µs, of the slowest family and of the one in the middle. */
export interface ReaderCost {
  readonly median: number;
  readonly slowest: number;
  readonly family: string;
}

/** Measures the readers of all families. */
export async function readerCosts(folder: string): Promise<Record<Kind, ReaderCost>> {
  const costs = new Map<Kind, { readonly cost: number; readonly family: string }[]>(
    KINDS.map((kind) => [kind, []]),
  );
  for (const family of FAMILIES) {
    const render = renderer(await templateSource(folder, family.template));
    const marks = [...family.control ?? [], ...family.userDefined ?? []];
    const syntax = findSyntax(render, marks);
    for (const kind of KINDS) {
      const answer = answerOf(family, kind);
      if (answer === undefined) continue;
      const controls = new Set(family.control);
      const pieces = cutScript(answer, marks).map((text) => [text, controls.has(text)] as const);
      const rounds = Array.from({ length: ROUNDS }, () => {
        const reader = new AnswerReader(syntax, {
          tools: new Map([["write", { properties: { text: { type: "string" } } }]]),
          promptEnd: "",
          isSingle: false,
          splitsThoughts: true,
        });
        const began = performance.now();
        for (const [text, isControl] of pieces) reader.push(text, isControl);
        reader.end(false);
        return (performance.now() - began) * 1000 / pieces.length;
      });
      costs.get(kind)!.push({ cost: Math.min(...rounds), family: family.name });
    }
  }
  return Object.fromEntries(
    [...costs].map(([kind, all]) => {
      const [slowest] = all.toSorted((one, other) => other.cost - one.cost);
      const cost = {
        median: median(all.map((each) => each.cost)),
        slowest: slowest!.cost,
        family: slowest!.family,
      };
      return [kind, cost];
    }),
  ) as Record<Kind, ReaderCost>;
}

/** Prose with characters that marks begin with, so that they are looked for. */
const SENTENCE = 'The quick brown fox < 7 jumps over {"a": [1, 2]} and `x < y`.\n';

function answerOf(family: Family, kind: Kind): string | undefined {
  const long = (tokens: number) => SENTENCE.repeat(Math.ceil(tokens / 22));
  const [open, close] = family.answer ?? ["", ""];
  const call = (text: string) => ({ name: "write", args: { text } });
  switch (kind) {
    case "text":
      return open + long(TOKENS) + close;
    case "thought":
      return family.thought && family.thought[0] + long(TOKENS) + family.thought[1];
    case "one long call":
      return family.calls?.([call(long(TOKENS))]);
    case "many calls":
      return family.parallel === false
        ? undefined
        : family.calls?.(Array.from({ length: 500 }, () => call(SENTENCE)));
  }
}
