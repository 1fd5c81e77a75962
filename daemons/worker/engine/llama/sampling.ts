import {
  type Llama,
  LlamaGrammarEvaluationState,
  type LlamaModel,
  type SequenceEvaluateOptions,
  type Token,
} from "node-llama-cpp";
import { demandedTools } from "#shared/contracts/tools.ts";
import { errorMessage, invalidRequest, LlorchError } from "#shared/errors.ts";
import { seedAt } from "../../batch/seed.ts";
import type { Sampling, SamplingRequest } from "../engine.ts";
import { jsonGrammar } from "../json_grammar.ts";
import { toolGrammar } from "../tool_grammar.ts";
import { acceptToken, logitBias } from "./internals.ts";

/** Tokens that the penalties look back on, as in llama.cpp. */
const PENALTY_WINDOW = 64;
/** A bias of this much or less forbids the token. */
const FORBIDDEN = -100;

/** How tokens of one request are chosen by llama.cpp. */
export class LlamaSampling implements Sampling {
  /** What the library wants to know, but for the seed. */
  readonly options: SequenceEvaluateOptions;
  /** How many of the most probable tokens are told; undefined: no probabilities at all. */
  readonly logprobs: number | undefined;
  readonly #model: LlamaModel;
  readonly #seed: number;
  readonly #grammar: LlamaGrammarEvaluationState | undefined;
  #recent: Token[] = [];
  #position = 0;

  constructor(
    model: LlamaModel,
    request: SamplingRequest,
    seed: number,
    grammar: LlamaGrammarEvaluationState | undefined,
  ) {
    this.#model = model;
    this.#seed = seed;
    this.#grammar = grammar;
    this.logprobs = request.logprobs;
    this.options = {
      temperature: request.temperature,
      topP: request.top_p,
      topK: request.top_k,
      minP: request.min_p,
      repeatPenalty: {
        punishTokens: () => this.#recent,
        maxPunishTokens: PENALTY_WINDOW,
        penalty: request.repetition_penalty,
        frequencyPenalty: request.frequency_penalty,
        presencePenalty: request.presence_penalty,
      },
      yieldEogToken: true,
      ...(grammar ? { grammarEvaluationState: grammar } : {}),
      ...(request.logit_bias ? { tokenBias: logitBias(model, biases(request.logit_bias)) } : {}),
    };
  }

  /** The seed of the token that comes next. */
  get nextSeed(): number {
    return seedAt(this.#seed, this.#position);
  }

  see(prompt: readonly number[]): void {
    this.#recent = prompt.slice(-PENALTY_WINDOW) as Token[];
  }

  replay(token: number): void {
    if (this.#grammar) {
      try {
        acceptToken(this.#model, this.#grammar, token as Token);
      } catch (error) {
        throw invalidRequest([{
          field: "resume_tokens",
          message: `the grammar does not allow token ${token}: ${errorMessage(error)}`,
        }]);
      }
    }
    this.chosen(token as Token);
  }

  /** An error of the library, as the request's own fault where it left no token to choose. */
  explain(error: unknown): unknown {
    if (!this.#grammar || errorMessage(error) !== "Failed to sample next token") return error;
    return new LlorchError(
      "INVALID_REQUEST",
      "The grammar leaves no token to choose: logit_bias forbids it, or the model has none for it",
      { cause: error },
    );
  }

  /** Takes in the token that the library chose. */
  chosen(token: Token): void {
    this.#position++;
    this.#recent.push(token);
    if (this.#recent.length > PENALTY_WINDOW) this.#recent.shift();
  }
}

/**
 * The state of the grammar that a request asks for; undefined when it asks for none.
 *
 * @throws {LlorchError} `INVALID_REQUEST` naming the field.
 */
export async function createGrammar(
  llama: Llama,
  model: LlamaModel,
  request: SamplingRequest,
): Promise<LlamaGrammarEvaluationState | undefined> {
  const { grammar, json_schema, tools = [] } = request;
  const demanded = demandedTools(request);
  const field = demanded ? "tools" : grammar === undefined ? "json_schema" : "grammar";
  const text = demanded
    ? toolGrammar(tools, demanded)
    : json_schema === undefined
    ? grammar
    : jsonGrammar(json_schema, field, request.json_schema_strict);
  if (text === undefined) return undefined;
  try {
    const compiled = await llama.createGrammar({ grammar: text });
    return new LlamaGrammarEvaluationState({ model, grammar: compiled });
  } catch (error) {
    const message = `llama.cpp cannot use it: ${errorMessage(error)}`;
    throw invalidRequest([{ field, message }]);
  }
}

function biases(given: Readonly<Record<string, number>>): Map<number, number> {
  return new Map(
    Object.entries(given).map((
      [token, bias],
    ) => [Number(token), bias <= FORBIDDEN ? -Infinity : bias]),
  );
}
