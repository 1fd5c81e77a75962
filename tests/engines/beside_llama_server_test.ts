/**
 * What our worker tells of tiny models, beside what llama-server tells of the same files: logprobs, and
 * prompts that are filled in the middle.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { readPrompt } from "../../daemons/worker/answers/prompt.ts";
import { idsOf, textOf } from "../../daemons/worker/testing/generator.ts";
import { endOf, logprobsOf, type Opened, using } from "../../daemons/worker/testing/llama.ts";
import { writeGapModel, writeRandomModel } from "../support/models.ts";
import { type Post, whyNoPeer, withPeer } from "../support/peer.ts";

const reason = whyNoPeer();
const title = (text: string) => reason === undefined ? text : `${text} (skipped: ${reason})`;
const ignore = reason !== undefined;

/** Runs `work` with one model in our worker and in llama-server. */
async function beside(
  write: (path: string) => void,
  work: (ours: Opened, theirs: Post) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "llorch-beside-" });
  try {
    const model = join(folder, "tiny.gguf");
    write(model);
    await withPeer(model, (post) => using(model, { context: 2048 }, (ours) => work(ours, post)));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

interface TheirOdds {
  readonly id: number;
  readonly logprob: number;
  readonly top_logprobs: readonly { readonly id: number; readonly logprob: number }[];
}

Deno.test({
  name: title("logprobs are llama-server's, of a vocabulary as large as today's models have"),
  ignore,
  fn: () =>
    beside(
      (path) => writeRandomModel(path, { vocabulary: 150_000, width: 64, layers: 1, type: "F16" }),
      async ({ generate }, theirs) => {
        const prompt = "w1 w22 w333";
        const sampling = { temperature: 0.5, top_k: 3, seed: 1 };
        const events = await generate({ prompt, max_tokens: 8, logprobs: 10, ...sampling });
        const told = logprobsOf(events);
        assert.equal(told.length, 8);
        const { tokens } = await theirs("/tokenize", { content: prompt, add_special: true });
        for (const [index, ours] of told.entries()) {
          const reply = await theirs("/completion", {
            prompt: [...tokens as number[], ...idsOf(events).slice(0, index)],
            ...{ temperature: 0, n_predict: 1, n_probs: 10 },
          });
          const [step] = reply["completion_probabilities"] as TheirOdds[];
          assert.deepEqual(ours.top.map(({ id }) => id), step!.top_logprobs.map(({ id }) => id));
          for (const [rank, { logprob }] of step!.top_logprobs.entries()) {
            const gap = Math.abs(logprob - ours.top[rank]!.logprob);
            assert.ok(gap < 1e-3, `token ${index}, rank ${rank}: ${gap}`);
          }
        }
      },
    ),
});

Deno.test({
  name: title("a prompt's logprobs are those that llama-server tells after each of its beginnings"),
  ignore,
  fn: () =>
    beside(
      (path) => writeRandomModel(path, { vocabulary: 50_000, width: 64, layers: 1, type: "F16" }),
      async ({ generate }, theirs) => {
        const prompt = "w1 w22 w333 w4 w5 w6 w7";
        const end = endOf(await generate({ prompt, max_tokens: 1, prompt_logprobs: 5 }));
        const { tokens } = await theirs("/tokenize", { content: prompt, add_special: true });
        const scored = end.prompt_logprobs!;
        assert.deepEqual(scored.map(({ id }) => id), tokens);
        assert.ok(scored.length >= 7);
        for (const [index, { id, logprob, top }] of scored.entries()) {
          if (index === 0) continue;
          const reply = await theirs("/completion", {
            prompt: (tokens as number[]).slice(0, index),
            // As many as give the token itself, which is seldom among the first.
            ...{ temperature: 0, n_predict: 1, n_probs: 50_000 },
          });
          const [step] = reply["completion_probabilities"] as TheirOdds[];
          const first = step!.top_logprobs.slice(0, 5);
          assert.deepEqual(top.map((each) => each.id), first.map((each) => each.id));
          const own = step!.top_logprobs.find((each) => each.id === id)!;
          const gap = Math.abs(own.logprob - logprob!);
          assert.ok(gap < 1e-3, `token ${index}: ${logprob}, theirs ${own.logprob}`);
        }
      },
    ),
});

Deno.test({
  name: title("a gap has llama-server's tokens, but that the begin of the text comes first"),
  ignore,
  fn: () =>
    beside(writeGapModel, async ({ engine, generate }, theirs) => {
      const fields = { prompt: "w3 x", suffix: " w9 y", max_tokens: 4 };
      const files = [{ filename: "a.ts", text: "w1 b" }, { filename: "tmp", text: "w2" }];
      for (const context_files of [[], files]) {
        const reply = await theirs("/infill", {
          ...{ input_prefix: fields.prompt, input_suffix: fields.suffix },
          ...{ input_extra: context_files, n_predict: 4, temperature: 0 },
        });
        const { tokens } = await readPrompt({ ...fields, context_files }, engine);
        assert.equal(tokens.length, reply["tokens_evaluated"]);
        assert.equal(textOf(await generate({ ...fields, context_files })), reply["content"]);
        // Their prompt as text; ours has the same without the begin, which both have once.
        const begin = "<s>";
        const shown = String(reply["prompt"]);
        assert.equal(shown.split(begin).length, 2);
        const pieces = shown.replace(begin, "").replaceAll(/\s/g, "");
        assert.equal(engine.detokenize(tokens).replaceAll(/\s/g, ""), plain(pieces));
      }
    }),
});

/** A prompt as text without its marks, which our detokenizer does not show. */
function plain(text: string): string {
  return text.replaceAll(/<\|\w+\|>/g, "");
}
