import { FIELDS } from "./c/abi.ts";
import { layoutOf } from "./c/layout.ts";
import type { Llama } from "./c/library.ts";
import type { Part } from "./sampling_plan.ts";
import type { Vocabulary } from "./vocabulary.ts";

const BIAS = layoutOf(FIELDS.llama_logit_bias);

/** What a chain of samplers does with the candidates, in this order. */
export interface ChainSettings {
  /** Added to logits, by token; -Infinity forbids a token. */
  readonly biases: readonly (readonly [token: number, bias: number])[];
  readonly parts: readonly Part[];
  /** A DRY sampler that has seen no token; needed where a part is `dry`. */
  readonly dry: Deno.PointerValue;
}

/** Creates a chain of samplers; the one that chooses is added for each choice. The caller frees it. */
export function createChain(
  llama: Llama,
  vocabulary: Vocabulary,
  { biases, parts, dry }: ChainSettings,
): Deno.PointerValue {
  const params = llama.llama_sampler_chain_default_params();
  params[0] = 1;
  const chain = llama.llama_sampler_chain_init(params);
  const add = (sampler: Deno.PointerValue) => llama.llama_sampler_chain_add(chain, sampler);
  if (biases.length > 0) {
    add(llama.llama_sampler_init_logit_bias(vocabulary.size, biases.length, biasArray(biases)));
  }
  for (const part of parts) add(createSampler(llama, vocabulary, part, dry));
  return chain;
}

function createSampler(
  llama: Llama,
  { size }: Vocabulary,
  part: Part,
  dry: Deno.PointerValue,
): Deno.PointerValue {
  switch (part.kind) {
    case "penalties": {
      const { window, repetition, frequency, presence } = part;
      return llama.llama_sampler_init_penalties(size, window, repetition, frequency, presence);
    }
    case "dry":
      return llama.llama_sampler_clone(dry);
    case "top_n_sigma":
      return llama.llama_sampler_init_top_n_sigma(part.n);
    case "top_k":
      return llama.llama_sampler_init_top_k(part.k);
    case "typ_p":
      return llama.llama_sampler_init_typical(part.p, BigInt(part.kept));
    case "top_p":
      return llama.llama_sampler_init_top_p(part.p, BigInt(part.kept));
    case "min_p":
      return llama.llama_sampler_init_min_p(part.p, BigInt(part.kept));
    case "temperature": {
      const { temperature, range, exponent } = part;
      if (range === 0) return llama.llama_sampler_init_temp(temperature);
      return llama.llama_sampler_init_temp_ext(temperature, range, exponent);
    }
  }
}

/** The biases as C has them; the sampler copies them. */
function biasArray(biases: ChainSettings["biases"]): Uint8Array<ArrayBuffer> {
  const array = new Uint8Array(BIAS.size * biases.length);
  const view = new DataView(array.buffer);
  for (const [index, [token, bias]] of biases.entries()) {
    view.setInt32(index * BIAS.size + BIAS.offsets.token, token, true);
    view.setFloat32(index * BIAS.size + BIAS.offsets.bias, bias, true);
  }
  return array;
}
