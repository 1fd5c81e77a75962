/**
 * Tokenizes long runs of characters with one pre-tokenizer after another, as a worker does. Prints
 * `"pre character"` on stdout before each run, and `done` at the end. With `compare`, the ids must
 * equal those of the whole text tokenized at once, which needs a large stack.
 *
 * @module
 */
import assert from "node:assert/strict";
import { LlorchError } from "#shared/errors.ts";
import { LlamaTokenizer } from "../../daemons/worker/engine/libllama/text/tokenizer.ts";
import { textStack } from "../../daemons/worker/stack.ts";
import { openVocabulary } from "../../daemons/worker/testing/vocabulary.ts";

const [model, length, mode, characters, ...pres] = Deno.args as string[];
/** Context size of the largest prompts; longer ones are refused before they are tokenized. */
const MOST_TOKENS = 131_072;

class TooLong extends Error {}

for (const pre of pres) {
  using loaded = openVocabulary(model!, pre);
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
      // A vocabulary without tokens for these bytes cannot tokenize in pieces: a refusal is right.
      const isRefusal = error instanceof LlorchError && error.code === "INVALID_REQUEST";
      if (!(error instanceof TooLong || isRefusal && mode === "survive")) throw error;
    }
  }
}
console.log(JSON.stringify("done"));
Deno.exit(0);
