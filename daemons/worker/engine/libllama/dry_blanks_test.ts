import assert from "node:assert/strict";
import { join } from "node:path";
import { counterModel, writeUtf8Model } from "../../../../tests/support/models.ts";
import { writeScriptModel } from "../../../../tests/support/script_model.ts";
import { openVocabularyOf } from "../../testing/vocabulary.ts";
import { pointerAt } from "./c/c_values.ts";
import { DryBlanks } from "./dry_blanks.ts";
import type { DrySettings } from "./sampling_plan.ts";

const SETTINGS: DrySettings = {
  ...{ multiplier: 0.8, base: 1.75, allowedLength: 2, window: 64 },
  breakers: ["\n", ":"],
};

async function using(
  path: string,
  work: (opened: {
    readonly blanks: DryBlanks;
    /** Samplers that were made of the vocabulary. */
    readonly made: () => number;
    readonly freed: number[];
    readonly free: (sampler: Deno.PointerValue) => void;
  }) => Promise<void>,
): Promise<void> {
  const { llama, model, vocabulary } = openVocabularyOf(path);
  const freed: number[] = [];
  let made = 0;
  const watched = new Proxy(llama, {
    get(target, name) {
      if (name === "llama_sampler_init_dry_aside") made++;
      return Reflect.get(target, name);
    },
  });
  const blanks = new DryBlanks(watched, vocabulary, (samplers) => {
    freed.push(...samplers);
    for (const each of samplers) llama.llama_sampler_free(pointerAt(each));
  });
  try {
    const free = (sampler: Deno.PointerValue) => llama.llama_sampler_free(sampler);
    await work({ blanks, made: () => made, freed, free });
  } finally {
    await blanks.close();
    llama.llama_model_free(model);
  }
}

Deno.test("the vocabulary is read once for the same settings, also if they are asked for at once", () =>
  using(counterModel(), async ({ blanks, made, freed, free }) => {
    const both = [blanks.copy(SETTINGS), blanks.copy({ ...SETTINGS })];
    for (const copy of [...await Promise.all(both), await blanks.copy(SETTINGS)]) free(copy);
    assert.equal(made(), 1);
    free(await blanks.copy({ ...SETTINGS, breakers: ["\n"] }));
    free(await blanks.copy({ ...SETTINGS, window: 65 }));
    assert.deepEqual([made(), blanks.size, freed.length], [3, 3, 0]);
    await blanks.close();
    assert.equal(blanks.size, 0);
    assert.equal(freed.length, 3);
  }));

Deno.test("only some blanks are kept, and those that are asked for while they go are copied first", () =>
  using(counterModel(), async ({ blanks, made, freed, free }) => {
    const asked = Array.from({ length: 20 }, (_, n) => blanks.copy({ ...SETTINGS, window: 2 + n }));
    for (const copy of await Promise.all(asked)) free(copy);
    assert.equal(made(), 20);
    assert.equal(blanks.size, 8);
    assert.equal(freed.length, 12);
    free(await blanks.copy({ ...SETTINGS, window: 21 }));
    assert.equal(made(), 20);
  }));

Deno.test("texts that are cut within a character end no process, whatever the tokenizer", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const [spm, bpe] = [join(folder, "spm.gguf"), join(folder, "bpe.gguf")];
    writeUtf8Model(spm);
    writeScriptModel(bpe, { scripts: ["漢字 é 😀!"], template: "{{ messages[0].content }}" });
    for (const path of [spm, bpe]) {
      await using(path, async ({ blanks, free }) => {
        const breakers = ["é", "漢字", "a😀b", "\u0301x", "\ud800", "x".repeat(40)];
        free(await blanks.copy({ ...SETTINGS, breakers }));
      });
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
