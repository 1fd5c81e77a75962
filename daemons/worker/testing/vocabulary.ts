import { cpuBinaries } from "../engine/libllama/c/carried.ts";
import { FIELDS } from "../engine/libllama/c/abi.ts";
import { addressOf, addressOfBuffer, cString, setFields } from "../engine/libllama/c/c_values.ts";
import { layoutOf } from "../engine/libllama/c/layout.ts";
import { openLibrary } from "../engine/libllama/c/library.ts";
import { nativeFunctions } from "../engine/libllama/c/native_functions.ts";
import type { TextVocabulary } from "../engine/libllama/text/tokenizer.ts";
import { textVocabulary, Vocabulary } from "../engine/libllama/vocabulary.ts";

const PARAMS = layoutOf(FIELDS.llama_model_params);
/** Bytes and offsets of `llama_model_kv_override`, and its tag of texts. */
const OVERRIDE = { size: 264, tag: 0, key: 4, value: 136 } as const;
const TEXT = 3;

/**
 * Opens the vocabulary of a model's file in this process.
 *
 * @param preTokenizer The name to use instead of the file's.
 */
export function openVocabulary(
  path: string,
  preTokenizer = "",
): TextVocabulary & Disposable {
  const { llama, model, vocabulary } = openVocabularyOf(path, preTokenizer);
  return {
    ...textVocabulary(vocabulary, preTokenizer),
    [Symbol.dispose]: () => llama.llama_model_free(model),
  };
}

/** A vocabulary as the engine has it. Its model is freed with `llama_model_free`. */
export function openVocabularyOf(path: string, preTokenizer = "") {
  const { llama } = openLibrary(cpuBinaries()!);
  llama.llama_log_set(nativeFunctions().nothing, null);
  const params = llama.llama_model_default_params();
  const overrides = preTokenizer === "" ? undefined : overrideOf(preTokenizer);
  setFields(params, FIELDS.llama_model_params, PARAMS, {
    vocab_only: true,
    kv_overrides: overrides ? addressOfBuffer(overrides) : 0,
  });
  const model = llama.llama_model_load_from_file(cString(path), params);
  // Its address alone does not keep it.
  overrides?.fill(0);
  if (model === null) throw new Error(`llama.cpp does not load the vocabulary of ${path}`);
  const vocabulary = new Vocabulary(llama, addressOf(llama.llama_model_get_vocab(model)));
  return { llama, model, vocabulary };
}

/** An array of one override and the empty one that ends it. */
function overrideOf(preTokenizer: string): Uint8Array<ArrayBuffer> {
  const array = new Uint8Array(2 * OVERRIDE.size);
  array[OVERRIDE.tag] = TEXT;
  array.set(new TextEncoder().encode("tokenizer.ggml.pre"), OVERRIDE.key);
  array.set(new TextEncoder().encode(preTokenizer), OVERRIDE.value);
  return array;
}
