/**
 * Fields that llama-server and vLLM take beside OpenAI's: those that our engine has are done, those that
 * it has not are refused by name unless their value changes nothing. Others are ignored.
 *
 * @module
 */
import { z } from "zod";
import { MAX_BIAS, MAX_TOP_K, requestShape, samplingShape, tokenLimit } from "../request.ts";
import { anySamplingShape } from "../sampling.ts";
import { always, is, isEmpty, type Unsupported } from "./unsupported.ts";

/** Limits of tokens: -1 is none, and 0 only evaluates the prompt. */
export const anyLimit = tokenLimit(-1).nullish()
  .meta({ description: "-1: until the model ends; 0: only evaluate the prompt" });

/** Stop strings, of which empty ones do not count. */
export const anyStop = z.union([z.string(), z.array(z.string())], {
  error: "must be a text or a list of texts",
}).nullish().transform((stop) => {
  const texts = (typeof stop === "string" ? [stop] : stop ?? []).filter((text) => text !== "");
  return texts.length === 0 ? undefined : texts;
}).pipe(requestShape.stop.unwrap().optional()).optional();

/** Also beyond 53 bits, unlike `int()`. */
const wholeNumber = z.number().multipleOf(1, "must be a whole number");
/** For documents, which would say "number". */
const ANY_INTEGER = { type: ["integer", "null"] } as const;

/** A seed of 64 bits, with a sign or without; of large ones, JSON keeps the first 53 bits. */
export const anySeed = wholeNumber.min(-(2 ** 63)).max(2 ** 64).nullish()
  .meta({ ...ANY_INTEGER, description: "Any integer of 64 bits; -1 is a random one" });

/** Number of most probable tokens to choose from: any integer. */
export const anyTopK = wholeNumber.nullish()
  .transform((top_k) => top_k == null ? undefined : Math.max(0, Math.min(top_k, MAX_TOP_K)))
  .optional().meta({ ...ANY_INTEGER, description: "0 and less is off" });

const bias = z.number();
const tokenId = z.number().int().min(0);

/** Biases by token or text, or as pairs; `false` forbids a token. */
export const anyBias = z.union([
  z.record(z.string(), bias),
  z.array(z.tuple([z.union([tokenId, z.string()]), z.union([bias, z.literal(false)])])).max(10_000),
], { error: "must map ids of tokens, or texts, to biases, or list pairs of them" }).nullish()
  .transform((given) => {
    if (!given) return undefined;
    const pairs = Array.isArray(given) ? given : Object.entries(given);
    return Object.fromEntries(
      pairs.map(([id, value]) => [String(id), value === false ? -MAX_BIAS : withinBias(value)]),
    );
  }).pipe(samplingShape.logit_bias.unwrap().optional()).optional();

/** The least and the most mean never and always; what is beyond means the same. */
function withinBias(value: number): number {
  return Math.max(-MAX_BIAS, Math.min(value, MAX_BIAS));
}

const schema = z.record(z.string(), z.unknown());
const choices = z.array(z.string().min(1)).min(1).max(1024);

/** The form of an answer, in OpenAI's words. */
const responseFormat = z.discriminatedUnion("type", [
  z.object({ type: z.literal("text") }),
  z.object({
    type: z.literal("json_object"),
    schema: schema.nullish(),
  }),
  z.object({
    type: z.literal("json_schema"),
    json_schema: z.object({
      name: z.string().nullish(),
      schema: schema,
      strict: z.boolean().nullish(),
    }),
  }),
]);

/** Ways of vLLM's `structured_outputs` to hold an answer that the engine does not have. */
const UNHELD_OUTPUTS = [
  "regex",
  "structural_tag",
  "whitespace_pattern",
  "disable_any_whitespace",
  "disable_additional_properties",
];

/** Refuses what would hold the answer and is not known here, by name. */
function refuseOutputs(outputs: Record<string, unknown>, context: z.RefinementCtx): void {
  for (const name of UNHELD_OUTPUTS) {
    if (outputs[name] == null || outputs[name] === false) continue;
    context.addIssue({ code: "custom", path: [name], message: "is not supported" });
  }
}

/** How an answer is held, in the words of OpenAI, llama-server and vLLM. */
export const heldShape = {
  response_format: responseFormat.nullish(),
  grammar: requestShape.grammar.nullable(),
  json_schema: schema.nullish(),
  guided_json: schema.nullish(),
  guided_grammar: requestShape.grammar.nullable(),
  guided_choice: choices.nullish(),
  structured_outputs: z.looseObject({
    json: schema.nullish(),
    json_object: z.boolean().nullish(),
    grammar: requestShape.grammar.nullable(),
    choice: choices.nullish(),
  }).superRefine(refuseOutputs).nullish().meta({
    description: "As vLLM has it: json, json_object, grammar or choice",
  }),
};

/** Other names of fields, and those that only others have. */
export const lenientShape = {
  max_tokens: anyLimit,
  n_predict: anyLimit,
  stop: anyStop,
  top_k: anyTopK,
  repeat_penalty: samplingShape.repetition_penalty.unwrap().nullish()
    .meta({ description: "The same as repetition_penalty, as llama-server names it" }),
  logit_bias: anyBias,
  ...anySamplingShape,
};

/** Fields that change the answer and that the engine does not have, with their harmless values. */
export const UNHELD: Unsupported = {
  tfs_z: is(1),
  adaptive_target: (value) => typeof value === "number" && value < 0,
  bad_words: isEmpty,
  allowed_token_ids: isEmpty,
  n_probs: is(0),
  prompt_logprobs: is(0),
  lora: isEmpty,
  use_beam_search: is(false),
  length_penalty: is(1),
  truncate_prompt_tokens: always,
  include_stop_str_in_output: is(false),
  skip_special_tokens: is(true),
  guided_regex: always,
  best_of: is(1),
  t_max_predict_ms: (value) => typeof value === "number" && value <= 0,
  response_fields: isEmpty,
  logits_processors: isEmpty,
  return_token_ids: is(false),
  return_tokens_as_token_ids: is(false),
};

/**
 * What of chat completions would change an answer, and dialects do not have that hold and limit answers in another
 * way.
 */
export const ONLY_OF_CHAT: Unsupported = {
  ...UNHELD,
  ...Object.fromEntries(Object.keys(heldShape).map((field) => [field, always])),
  n: is(1),
  n_predict: always,
  max_completion_tokens: always,
  logprobs: is(false),
};

/** Ways to hold an answer. */
export interface HeldFields {
  readonly response_format?: z.output<typeof responseFormat> | null | undefined;
  readonly grammar?: string | null | undefined;
  readonly json_schema?: Record<string, unknown> | null | undefined;
  readonly guided_json?: Record<string, unknown> | null | undefined;
  readonly guided_grammar?: string | null | undefined;
  readonly guided_choice?: readonly string[] | null | undefined;
  readonly structured_outputs?:
    | {
      readonly json?: Record<string, unknown> | null | undefined;
      readonly json_object?: boolean | null | undefined;
      readonly grammar?: string | null | undefined;
      readonly choice?: readonly string[] | null | undefined;
    }
    | null
    | undefined;
}

/** How an answer is held: by a schema or by a grammar. */
export interface Held {
  readonly field: string;
  readonly json_schema?: Record<string, unknown>;
  readonly json_schema_strict?: boolean;
  readonly grammar?: string;
}

/**
 * All ways in which a request holds its answer; more than one contradict each other. Fields that are not
 * as their schema has them, which is another error, hold nothing.
 */
export function heldBy(body: HeldFields): Held[] {
  const outputs = body.structured_outputs;
  const schemas = {
    json_schema: body.json_schema,
    guided_json: body.guided_json,
    "structured_outputs.json": outputs?.json,
    "structured_outputs.json_object": outputs?.json_object === true ? { type: "object" } : null,
  };
  const grammars = {
    grammar: body.grammar,
    guided_grammar: body.guided_grammar,
    "structured_outputs.grammar": outputs?.grammar,
  };
  const lists = { guided_choice: body.guided_choice, "structured_outputs.choice": outputs?.choice };
  return [
    ...formatHeld(body.response_format),
    ...Object.entries(schemas).flatMap(([field, json_schema]) =>
      json_schema ? [{ field, json_schema }] : []
    ),
    ...Object.entries(grammars).flatMap(([field, grammar]) => grammar ? [{ field, grammar }] : []),
    ...Object.entries(lists).flatMap(([field, texts]) =>
      Array.isArray(texts) ? [{ field, grammar: choiceGrammar(texts) }] : []
    ),
  ];
}

function formatHeld(format: HeldFields["response_format"]): Held[] {
  const field = "response_format";
  if (format?.type === "json_object") {
    return [{ field, json_schema: format.schema ?? { type: "object" } }];
  }
  if (format?.type !== "json_schema" || !format.json_schema) return [];
  const { schema: json_schema, strict } = format.json_schema;
  return [{ field, json_schema, json_schema_strict: strict === true }];
}

/** A grammar of these texts and nothing else. */
function choiceGrammar(texts: readonly string[]): string {
  return `root ::= ${texts.map((text) => JSON.stringify(text)).join(" | ")}\n`;
}
