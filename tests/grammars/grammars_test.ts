/**
 * Random grammars of few rules that refer to themselves and to each other: llama.cpp must terminate
 * with each one that our check accepts. `deno task test:grammars` tries many more.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { LlorchError } from "#shared/errors.ts";
import { checkGrammar } from "../../daemons/worker/grammar/check_grammar.ts";
import { writeRandomModel } from "../support/models.ts";
import { randomGrammars } from "./random_grammars.ts";
import { type Outcome, tryGrammars } from "./try_grammars.ts";

const RUNS = Number(Deno.env.get("LLORCH_GRAMMAR_RUNS") ?? 100);
const SEED = Number(Deno.env.get("LLORCH_SEED") ?? 1);
const skip = Deno.build.os !== "linux";

/** Tokens of one repeated character, or of repeated whitespace, as large vocabularies have them. */
const RUNS_OF = ["x".repeat(32), " \t".repeat(16), " ".repeat(32), "x", "y", " ", "\t"];

async function using(work: (model: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    const model = join(folder, "runs.gguf");
    writeRandomModel(model, { layers: 1, vocabulary: 300, extra: RUNS_OF });
    await work(model);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Why a grammar is refused; undefined if it is accepted. */
function refusal(grammar: string): string | undefined {
  try {
    checkGrammar(grammar, "grammar");
    return undefined;
  } catch (error) {
    assert.ok(error instanceof LlorchError && error.code === "INVALID_REQUEST", String(error));
    return error.message;
  }
}

Deno.test({
  name: "llama.cpp comes to an end with every grammar that the check lets through",
  ignore: skip,
  fn: () =>
    using(async (model) => {
      const passed: string[] = [];
      for (const grammar of randomGrammars(SEED)) {
        if (refusal(grammar) === undefined && passed.push(grammar) === RUNS) break;
      }
      const outcomes = await tryGrammars(model, passed);
      const isFine = (outcome: Outcome) => outcome === "ended" || outcome === "no token";
      const wrong = passed.filter((_, index) => !isFine(outcomes[index]!));
      // The check cannot find every explosion; the deadline for choosing a token stops the rest.
      const missed = Math.floor(RUNS / 1000);
      assert.ok(wrong.length <= missed, `seed ${SEED}: ${JSON.stringify(wrong)}`);
    }),
});

Deno.test({
  name: "grammars that the check refuses as loops really do loop in llama.cpp",
  ignore: skip,
  fn: () =>
    using(async (model) => {
      const loops = ['root ::= e root "a"\ne ::= "x"?', 'root ::= root "a"', 'root ::= "a"**'];
      for (const grammar of loops) assert.match(refusal(grammar)!, /itself|without end/, grammar);
      assert.deepEqual(await tryGrammars(model, loops), ["stuck", "refused", "refused"]);
    }),
});
