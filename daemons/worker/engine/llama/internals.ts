/**
 * The places where we reach into node-llama-cpp beyond its types, for what it does not offer. They
 * fit the version pinned in `deno.json`; a different one is noticed here, at load, and not later
 * by wrong output.
 *
 * @module
 */
import type { LlamaContext, LlamaContextSequence, LlamaModel, Token } from "node-llama-cpp";
import { LlamaGrammarEvaluationState, TokenBias } from "node-llama-cpp";

interface SamplerConfig {
  readonly seed?: number;
}

interface SequenceInternals {
  _resolveSamplerConfig?(config: SamplerConfig): unknown;
}

interface ContextInternals {
  readonly _ctx?: {
    sampleToken?(...args: unknown[]): Promise<number>;
    decodeBatch?(): Promise<void>;
  };
}

interface BiasInternals {
  readonly _biases?: Map<number, number>;
}

interface SamplerClass {
  acceptGrammarEvaluationStateToken?(state: unknown, token: number): void;
}

/**
 * Lets each token have its own seed. The library takes one seed for a whole generation and keeps
 * the random generator's state, so that a resumed generation could not go on where it broke off.
 */
export function seedEachToken(sequence: LlamaContextSequence, seed: () => number): void {
  const internals = sequence as unknown as SequenceInternals;
  const resolve = internals._resolveSamplerConfig ?? missing("_resolveSamplerConfig");
  internals._resolveSamplerConfig = (config) => resolve.call(sequence, { ...config, seed: seed() });
}

/** What llama.cpp's sampling gives when it has no token; the library turns it into an error. */
const NO_TOKEN = -1;

/**
 * Makes a failed sampling the failure of its own sequence. The library would leave the error
 * unhandled, which ends the process, and one request with a grammar that contradicts its biases
 * would take all others with it.
 */
export function containSampling(context: LlamaContext, onError: (error: unknown) => void): void {
  const native = (context as unknown as ContextInternals)._ctx ?? missing("_ctx");
  const sample = native.sampleToken ?? missing("sampleToken");
  native.sampleToken = async (...args) => {
    try {
      return await sample.apply(native, args);
    } catch (error) {
      onError(error);
      return NO_TOKEN;
    }
  };
}

/**
 * Lets the first sampling after a decode end before the others begin. llama.cpp puts the rows of its
 * logits in order when the first of them is asked for, and is not made for being asked by several
 * threads at once, as the library does: a sequence was then given another's token.
 */
export function orderSampling(context: LlamaContext): void {
  const native = (context as unknown as ContextInternals)._ctx ?? missing("_ctx");
  const sample = native.sampleToken ?? missing("sampleToken");
  const decode = native.decodeBatch ?? missing("decodeBatch");
  let first: Promise<unknown> | undefined;
  native.decodeBatch = () => {
    first = undefined;
    return decode.call(native);
  };
  native.sampleToken = (...args) => {
    const start = () => sample.apply(native, args);
    if (first) return first.then(start, start);
    const own = start();
    first = own;
    return own;
  };
}

/**
 * Biases of logits as they are; the library's own setter takes probabilities and silently leaves
 * out the tokens that end a generation.
 */
export function logitBias(model: LlamaModel, biases: ReadonlyMap<number, number>): TokenBias {
  const bias = TokenBias.for(model);
  const map = (bias as unknown as BiasInternals)._biases ?? missing("_biases");
  for (const [token, value] of biases) map.set(token, value);
  return bias;
}

/**
 * Takes a token into a grammar that somebody else sampled.
 *
 * @throws when the grammar does not allow it.
 */
export function acceptToken(
  model: LlamaModel,
  state: LlamaGrammarEvaluationState,
  token: Token,
): void {
  const sampler = (model.llama as unknown as { _bindings?: { AddonSampler?: SamplerClass } })
    ._bindings?.AddonSampler;
  if (!sampler?.acceptGrammarEvaluationStateToken) missing("acceptGrammarEvaluationStateToken");
  sampler!.acceptGrammarEvaluationStateToken!(
    (state as unknown as { readonly _state: unknown })._state,
    token,
  );
}

function missing(name: string): never {
  throw new Error(`Cannot find ${name} in node-llama-cpp: its version is not the pinned one`);
}
