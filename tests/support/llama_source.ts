import { type Unpacked, unpackLlama } from "../../tools/llama_bundle.ts";

export { cacheFolder } from "../../tools/llama_bundle.ts";

/**
 * The folder of llama.cpp's source, as far as tests read it: chat templates, vocabularies and its own
 * tests.
 *
 * @returns why there is none where node-llama-cpp has no bundle, or git is absent
 */
export function llamaSource(): Promise<Unpacked> {
  return unpackLlama("llorch-llama-source", ["models", "tests"]);
}
