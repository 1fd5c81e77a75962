/**
 * Tokenizes long runs of characters with one pre-tokenizer after another, as a worker does. It says
 * `"pre character"` on stdout before each run, and `done` at the end. Where `compare` is told, ids must be
 * those of the whole text at once, which needs a large stack.
 *
 * @module
 */
import assert from "node:assert/strict";
import { getLlama } from "node-llama-cpp";
import { LlorchError } from "#shared/errors.ts";
import { LlamaTokenizer } from "../../daemons/worker/engine/llama/tokenizer.ts";
import { textStack } from "../../daemons/worker/stack.ts";

const [model, length, mode, characters, ...pres] = Deno.args as string[];
const llama = await getLlama({
  ...{ gpu: false, build: "never", skipDownload: true, progressLogs: false } as const,
  ...{ maxThreads: 1, logger() {} },
});
/** Enough of a context; more is refused before it is read. */
const MOST_TOKENS = 131_072;

class TooLong extends Error {}

for (const pre of pres) {
  const overrides = { tokenizer: { ggml: { pre } } };
  const loaded = await llama.loadModel({
    ...{ modelPath: model!, vocabOnly: true },
    metadataOverrides: overrides as never,
  });
  const tokenizer = new LlamaTokenizer(loaded, textStack().characters);
  for (const character of JSON.parse(characters!) as string[]) {
    console.log(JSON.stringify(`${pre} ${JSON.stringify(character)}`));
    const text = `x${character.repeat(Number(length))}y`;
    try {
      const tokens = await tokenizer.tokenize(text, false, (count) => {
        if (count > MOST_TOKENS) throw new TooLong();
      });
      if (mode === "compare") assert.deepEqual(tokens, loaded.tokenize(text, false));
    } catch (error) {
      // A text that these bytes are no tokens of cannot be cut, which is said.
      const isRefusal = error instanceof LlorchError && error.code === "INVALID_REQUEST";
      if (!(error instanceof TooLong || isRefusal && mode === "survive")) throw error;
    }
  }
  await loaded.dispose();
}
console.log(JSON.stringify("done"));
Deno.exit(0);
