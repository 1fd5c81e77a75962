/** Steps of guessed tokens of which a run takes only the first ones. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { scriptWord, writeScriptModel } from "../../../../tests/support/script_model.ts";
import { idsOf, request, textOf } from "../../testing/generator.ts";
import { endOf, type Opened, using } from "../../testing/llama.ts";
import type { LlamaSettings } from "#shared/config/llama.ts";

const SCRIPT =
  "<think>\none two three four five six seven eight</think>\nThe answer is far from here.";
const TEMPLATE = "{% for message in messages %}[{{ message.role }}]" +
  "{{ message.content }}{% endfor %}[assistant]{% if false %}<think></think>{% endif %}";

async function withScript(
  settings: (path: string) => LlamaSettings,
  work: (opened: Opened) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "llorch-cut-" });
  try {
    const path = join(folder, "script.gguf");
    writeScriptModel(path, {
      scripts: [SCRIPT],
      template: TEMPLATE,
      control: ["<think>", "</think>"],
    });
    await using(path, { context: 1024, settings: settings(path) }, work);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** What the model would say next is what comes mostly, not always: so the seeds of its tokens count. */
const SAMPLED = {
  messages: [{ role: "user", content: `Say ${scriptWord(0)}` }],
  ...{ max_tokens: 40, temperature: 11, top_k: 0, top_p: 1, min_p: 0, repetition_penalty: 1.02 },
};
const guesses = (path: string): LlamaSettings => ({ speculative: "draft", draft_model: path });

Deno.test("a thought that is closed within a guessed step goes on as without guesses", async () => {
  const ids = async (settings: (path: string) => LlamaSettings) => {
    const all: number[][] = [];
    await withScript(settings, async ({ generate }) => {
      for (let seed = 0; seed < 12; seed++) {
        for (const reasoning_budget_tokens of [2, 3, 5]) {
          all.push(idsOf(await generate({ ...SAMPLED, seed, reasoning_budget_tokens })));
        }
      }
    });
    return all;
  };
  const [plain, guessed] = [await ids(() => ({})), await ids(guesses)];
  assert.ok(new Set(plain.map(String)).size > 12, "the seeds count");
  assert.deepEqual(guessed, plain);
});

Deno.test("a generation that is left within a guessed step goes on as without guesses", () =>
  withScript(guesses, async ({ engine, generate }) => {
    const [sequence] = engine.sequences;
    const { tokens } = await engine.tokenizeChat({
      messages: SAMPLED.messages as never,
      tools: [],
    });
    for (let seed = 0; seed < 6; seed++) {
      const fields = { ...SAMPLED, seed, reasoning_format: "none" };
      const whole = idsOf(await generate(fields));
      const sampling = await engine.createSampling(request(fields), seed);
      try {
        sampling.see(tokens);
        sequence!.trim(0);
        const found: number[] = [];
        let cuts = 0;
        for (let input = tokens; found.length < whole.length;) {
          const generation = sequence!.generate(input, sampling);
          const few = await generation.next(({ token }) => {
            found.push(token);
            return found.length % 3 !== 0 && found.length < whole.length;
          });
          if (few.length > 1) cuts++;
          input = [found.at(-1)!];
          generation.close();
        }
        assert.deepEqual(found, whole);
        assert.ok(cuts > 0, "no step was guessed");
      } finally {
        sampling.dispose();
      }
    }
  }));

Deno.test("runs that end within a guessed step leave the slot as runs without guesses do", () =>
  withScript(guesses, async ({ generate }) => {
    const cold = { ...SAMPLED, temperature: 0, reasoning_format: "none" };
    const whole = textOf(await generate(cold));
    assert.ok(whole.includes("The answer"));
    const ends = [
      { stop: ["four"] },
      { max_tokens: 5 },
      { stop_token_ids: [idsOf(await generate(cold))[7]!] },
    ];
    for (const end of ends) {
      const cut = await generate({ ...cold, ...end });
      assert.ok(textOf(cut).length < whole.length, JSON.stringify(end));
      // The tokens that the slot keeps are those that were evaluated.
      const again = await generate(cold);
      assert.equal(textOf(again), whole, JSON.stringify(end));
      assert.equal(endOf(again).stop_reason, "EOS");
    }
  }));
