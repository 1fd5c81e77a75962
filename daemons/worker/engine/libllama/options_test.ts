/** Effects of the sampling options beyond the usual ones, on tiny models. */
import assert from "node:assert/strict";
import { join } from "node:path";
import type { WorkerEvent } from "#shared/contracts/events.ts";
import { counterModel, writeRandomModel } from "../../../../tests/support/models.ts";
import { idsOf, textOf } from "../../testing/generator.ts";
import {
  count,
  endOf,
  fieldIs,
  logprobsOf,
  type Opened,
  type Options,
  using,
} from "../../testing/llama.ts";

/** Runs `work` with a model for which many tokens are almost as probable as the best one. */
async function usingUnsure(
  work: (opened: Opened) => Promise<void>,
  options: Options = {},
): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    const path = join(folder, "unsure.gguf");
    writeRandomModel(path, { layers: 1, vocabulary: 400 });
    await using(path, { context: 256, ...options }, work);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const HOT = {
  ...{ prompt: " w1 w2 w3 w1 w2 w3 w1 w2", max_tokens: 40, seed: 5 },
  ...{ temperature: 3, top_k: 0, top_p: 1, min_p: 0 },
};

const SETS: readonly Record<string, unknown>[] = [
  { typical_p: 0.4 },
  { top_n_sigma: 1.5, typical_p: 0.9 },
  { xtc_probability: 0.5, xtc_threshold: 0.002 },
  { dynatemp_range: 2.5, dynatemp_exponent: 2 },
  { dry_multiplier: 3, dry_base: 2, dry_allowed_length: 1, dry_penalty_last_n: -1 },
  { repetition_penalty: 1.5, presence_penalty: 0.5, repeat_last_n: -1 },
  { samplers: "xdet", xtc_probability: 0.5, xtc_threshold: 0.002, dry_multiplier: 2 },
  { mirostat: 1, mirostat_tau: 3 },
  { mirostat: 2, mirostat_tau: 3, mirostat_eta: 0.3 },
  { mirostat: 2, mirostat_tau: 3, grammar: 'root ::= (" w" [0-9]+)+' },
  { mirostat: 1, logit_bias: { 300: 3, 301: -100 }, logprobs: 2, post_sampling_probs: true },
  { min_tokens: 12, logit_bias: { 2: 5 } },
];

type Token = Extract<WorkerEvent, { event: "token" }>;
const tokensOf = (events: readonly WorkerEvent[]) =>
  events.filter((event): event is Token => event.event === "token");

/** What the next attempt gets after these events. */
function resumeAfter(sent: readonly Token[]): Record<string, unknown> {
  const mu = sent.findLast(({ data }) => data.mirostat_mu !== undefined)?.data.mirostat_mu;
  return {
    ...{ resume_tokens: idsOf(sent), resume_index: sent.length },
    ...mu === undefined ? {} : { resume_mirostat_mu: mu },
  };
}

for (const speculative of [undefined, "lookup" as const]) {
  const how = speculative === undefined ? "" : `, with guesses by ${speculative}`;
  Deno.test(`llama.cpp goes on with each sampling option as without a break${how}`, () =>
    usingUnsure(async ({ generate }) => {
      const plain = textOf(await generate(HOT));
      for (const options of SETS) {
        const name = JSON.stringify(options);
        const whole = await generate({ ...HOT, ...options });
        assert.notEqual(textOf(whole), plain, name);
        const tokens = tokensOf(whole);
        const uses = options["mirostat"] !== undefined;
        for (const { data } of tokens) {
          assert.equal(data.mirostat_mu !== undefined, uses && data.ids!.length > 0, name);
        }
        for (const at of [1, 7, 20, tokens.length - 1]) {
          // As it comes through JSON.
          const resume = JSON.parse(JSON.stringify(resumeAfter(tokens.slice(0, at))));
          const rest = await generate({ ...HOT, ...options, ...resume });
          assert.deepEqual(tokensOf(rest), tokens.slice(at), `${name} after ${at}`);
        }
      }
    }, speculative ? { settings: { speculative } } : {}));
}

Deno.test("with guesses, each sampling option gives the text that it gives without", async () => {
  const texts: string[][] = [];
  for (const settings of [{}, { speculative: "lookup" as const }]) {
    await usingUnsure(async ({ generate }) => {
      const all: string[] = [];
      for (const options of SETS) all.push(textOf(await generate({ ...HOT, ...options })));
      texts.push(all);
    }, { settings });
  }
  assert.deepEqual(texts[1], texts[0]);
});

Deno.test("mirostat's state after a fault decides how the answer goes on", () =>
  usingUnsure(async ({ generate }) => {
    const fields = { ...HOT, mirostat: 2, mirostat_tau: 3, mirostat_eta: 1 };
    const tokens = tokensOf(await generate(fields));
    const resume = { ...resumeAfter(tokens.slice(0, 10)), resume_mirostat_mu: 0 };
    assert.notDeepEqual(tokensOf(await generate({ ...fields, ...resume })), tokens.slice(10));
  }));

Deno.test("candidates of probability 0 break neither typical_p nor mirostat", () =>
  usingUnsure(async ({ generate }) => {
    const allowed = Array.from({ length: 12 }, (_, index) => 300 + index);
    const all = Array.from({ length: 400 }, (_, id) => id);
    const others = all.filter((id) => !allowed.includes(id));
    const held = { ...HOT, logit_bias: Object.fromEntries(others.map((id) => [id, -100])) };
    for (const mirostat of [1, 2]) {
      const texts = new Set<string>();
      for (let seed = 0; seed < 8; seed++) {
        const ids = idsOf(await generate({ ...held, mirostat, seed }));
        assert.ok(ids.every((id) => allowed.includes(id)), `${ids}`);
        texts.add(`${ids}`);
      }
      // With NaN, the most probable candidate is the only one.
      assert.equal(texts.size, 8, `mirostat ${mirostat}`);
    }
    const odds = async (fields: Record<string, unknown>) => {
      const first = { max_tokens: 1, logprobs: 20, post_sampling_probs: true };
      // One is far more probable than the entropy says.
      const logit_bias = { ...held.logit_bias, 300: 7 };
      const [chosen] = logprobsOf(await generate({ ...held, ...first, logit_bias, ...fields }));
      return chosen!.top.filter(({ logprob }) => logprob > -50);
    };
    const left = await odds({});
    assert.equal(left.length, 12);
    const entropy = left.reduce((sum, { logprob }) => sum - logprob * Math.exp(logprob), 0);
    const byTypicality = left.toSorted((one, other) =>
      Math.abs(one.logprob + entropy) - Math.abs(other.logprob + entropy)
    );
    let sum = 0;
    const end = byTypicality.findIndex(({ logprob }) => (sum += Math.exp(logprob)) > 0.4);
    const typical = byTypicality.slice(0, end + 1).map(({ id }) => id).sort();
    assert.notDeepEqual(typical, left.slice(0, end + 1).map(({ id }) => id).sort());
    for (const more of [{}, { top_n_sigma: 50 }]) {
      const found = (await odds({ typical_p: 0.4, ...more })).map(({ id }) => id).sort();
      assert.deepEqual(found, typical);
    }
  }));

Deno.test("ignore_eos, min_tokens and stop_token_ids decide which token ends an answer", () =>
  usingUnsure(async ({ generate }) => {
    const end = async (fields: Record<string, unknown>) => {
      const { stop_reason, tokens_out } = endOf(await generate({ ...HOT, ...fields }));
      return [stop_reason, tokens_out];
    };
    // The model would end at once.
    const eager = { logit_bias: { 2: 100 } };
    assert.deepEqual(await end(eager), ["EOS", 0]);
    assert.deepEqual(await end({ ...eager, ignore_eos: true }), ["MAX_TOKENS", 40]);
    assert.deepEqual(await end({ ...eager, min_tokens: 7 }), ["EOS", 7]);

    const free = idsOf(await generate(HOT));
    const stop = free[5]!;
    assert.ok(!free.slice(0, 5).includes(stop));
    const stopped = await generate({ ...HOT, stop_token_ids: [stop] });
    assert.deepEqual([endOf(stopped).stop_reason, idsOf(stopped)], ["EOS", free.slice(0, 5)]);
    const later = idsOf(await generate({ ...HOT, stop_token_ids: [stop], min_tokens: 10 }));
    assert.ok(later.length >= 10 && !later.includes(stop), `${later}`);
    const outside = generate({ ...HOT, stop_token_ids: [400_000] });
    await assert.rejects(outside, fieldIs("stop_token_ids.0"));
  }));

Deno.test("a grammar that is at its end, and a token that may not end the answer, are an error that says so", () =>
  using(counterModel(), { context: 128 }, async ({ generate }) => {
    const events = await generate({ prompt: " w1", grammar: 'root ::= " w2"', min_tokens: 5 });
    const last = events.at(-1);
    assert.ok(last?.event === "error");
    assert.match(last.data.message, /min_tokens/);
    assert.equal(textOf(await generate({ prompt: " w1", max_tokens: 3 })), count(2, 4));
  }));
