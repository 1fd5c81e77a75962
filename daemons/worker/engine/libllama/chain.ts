import { FIELDS } from "./c/abi.ts";
import { layoutOf } from "./c/layout.ts";
import type { Llama } from "./c/library.ts";
import type { Vocabulary } from "./vocabulary.ts";

const BIAS = layoutOf(FIELDS.llama_logit_bias);
/** Samplers keep at least this many candidates. */
const KEPT = 1n;

/** What a chain of samplers does with the candidates, in this order. */
export interface ChainSettings {
  /** Added to logits, by token; -Infinity forbids a token. */
  readonly biases: readonly (readonly [token: number, bias: number])[];
  readonly penalties?: Penalties | undefined;
  /** Undefined: the most probable token is chosen. */
  readonly draw?: Draw | undefined;
}

/** Penalties of tokens that have come already. */
export interface Penalties {
  /** Number of last tokens that they apply to. */
  readonly window: number;
  readonly repetition: number;
  readonly frequency: number;
  readonly presence: number;
}

/** How the candidates are cut before one is drawn. */
export interface Draw {
  readonly topK: number;
  readonly topP: number;
  readonly minP: number;
  readonly temperature: number;
}

/** Creates a chain of samplers; the one that chooses comes with each choice. Whoever gets it must free it. */
export function createChain(
  llama: Llama,
  vocabulary: Vocabulary,
  { biases, penalties, draw }: ChainSettings,
): Deno.PointerValue {
  const params = llama.llama_sampler_chain_default_params();
  params[0] = 1;
  const chain = llama.llama_sampler_chain_init(params);
  const add = (sampler: Deno.PointerValue) => llama.llama_sampler_chain_add(chain, sampler);
  if (biases.length > 0) {
    add(llama.llama_sampler_init_logit_bias(vocabulary.size, biases.length, biasArray(biases)));
  }
  if (penalties) {
    const { window, repetition, frequency, presence } = penalties;
    add(llama.llama_sampler_init_penalties(
      ...[vocabulary.size, window, repetition, frequency, presence] as const,
    ));
  }
  if (!draw) return chain;
  if (draw.topK > 0) add(llama.llama_sampler_init_top_k(draw.topK));
  if (draw.topP < 1) add(llama.llama_sampler_init_top_p(draw.topP, KEPT));
  if (draw.minP > 0) add(llama.llama_sampler_init_min_p(draw.minP, KEPT));
  if (draw.temperature !== 1) add(llama.llama_sampler_init_temp(draw.temperature));
  return chain;
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
