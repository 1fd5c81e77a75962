/**
 * The sampling options beyond the usual ones, under llama-server's names and with its defaults.
 *
 * @module
 */
import { z } from "zod";
import { tokenId } from "./common.ts";

/** Samplers that cut or change the candidates, in llama-server's order. */
export const SAMPLERS = [
  "penalties",
  "dry",
  "top_n_sigma",
  "top_k",
  "typ_p",
  "top_p",
  "min_p",
  "xtc",
  "temperature",
] as const;

/** A sampler. */
export type Sampler = typeof SAMPLERS[number];

/** Their letters in llama-server's short form. */
const LETTERS: Readonly<Record<string, Sampler>> = {
  ...{ e: "penalties", d: "dry", s: "top_n_sigma", k: "top_k", y: "typ_p", p: "top_p" },
  ...{ m: "min_p", x: "xtc", t: "temperature" },
};

/** Further names that llama-server knows. */
const OTHER_NAMES: Readonly<Record<string, Sampler>> = {
  ...{ typical_p: "typ_p", typical: "typ_p", typ: "typ_p", nucleus: "top_p" },
  temp: "temperature",
};

/** Samplers of llama-server that are not here, by name and letter. */
const ABSENT: Readonly<Record<string, string>> = {
  infill: "it compares all pairs of candidates, which can take minutes",
  adaptive_p: "an answer could not go on elsewhere after a fault",
};
const ABSENT_LETTERS: Readonly<Record<string, string>> = { i: "infill", a: "adaptive_p" };

const ALL = SAMPLERS.join(", ");

/** Finds a sampler by what llama-server calls it; otherwise says what is wrong. */
function samplerNamed(name: string): Sampler | { readonly why: string } {
  const plain = name.toLowerCase().replaceAll("-", "_");
  const known = SAMPLERS.find((each) => each === plain || each.replaceAll("_", "") === plain) ??
    OTHER_NAMES[plain];
  if (known) return known;
  const why = ABSENT[plain];
  if (why !== undefined) return { why: `${plain} is not supported: ${why}` };
  return { why: `"${name.slice(0, 64)}" is no sampler: they are ${ALL}` };
}

const samplers = z.union([z.string(), z.array(z.string())], {
  error: "must be a list of names of samplers, or a text of their letters",
}).transform((given, context) => {
  const found = typeof given === "string"
    ? [...given].map((letter) => ({ name: letter, is: samplerOf(letter) }))
    : given.map((name) => ({ name, is: samplerNamed(name) }));
  const refuse = (message: string, path: (string | number)[] = []) =>
    context.addIssue({ code: "custom", path, message });
  return found.flatMap(({ is }, index) => {
    const path = typeof given === "string" ? [] : [index];
    if (typeof is !== "string") refuse(is.why, path);
    else if (found.findIndex((other) => other.is === is) < index) refuse(`has ${is} twice`, path);
    else return is;
    return [];
  });
});

function samplerOf(letter: string): Sampler | { readonly why: string } {
  const known = LETTERS[letter];
  if (known) return known;
  const absent = ABSENT_LETTERS[letter];
  if (absent !== undefined) return samplerNamed(absent);
  const all = Object.entries(LETTERS).map(([each, name]) => `${each} (${name})`).join(", ");
  return { why: `"${letter}" is no letter of a sampler: they are ${all}` };
}

/** Most bytes of a text at which DRY begins again; llama.cpp would cut what is longer. */
const BREAKER_BYTES = 40;
const MAX_BREAKERS = 64;
const MAX_WINDOW = 1_000_000;
const MAX_STOP_TOKENS = 64;

const breaker = z.string().min(1).refine(
  (text) => new TextEncoder().encode(text).length <= BREAKER_BYTES,
  `must have at most ${BREAKER_BYTES} bytes`,
).refine((text) => !text.includes("\0"), "must not have the character U+0000");

const probability = z.number().min(0).max(1);
const window = z.number().int().min(-1).max(MAX_WINDOW);

/** Values of options that a request leaves out, as llama-server has them. */
export const SAMPLING_DEFAULTS = {
  typical_p: 1,
  top_n_sigma: -1,
  xtc_probability: 0,
  xtc_threshold: 0.1,
  dynatemp_range: 0,
  dynatemp_exponent: 1,
  repeat_last_n: 64,
  dry_multiplier: 0,
  dry_base: 1.75,
  dry_allowed_length: 2,
  dry_penalty_last_n: 64,
  dry_sequence_breakers: ["\n", ":", '"', "*"],
  mirostat: 0,
  mirostat_tau: 5,
  mirostat_eta: 0.1,
  min_keep: 0,
  samplers: SAMPLERS,
  ignore_eos: false,
  min_tokens: 0,
  stop_token_ids: [],
} as const;

const described = <T extends z.ZodType>(
  field: T,
  name: keyof typeof SAMPLING_DEFAULTS,
  description?: string,
) => field.optional().meta({ default: SAMPLING_DEFAULTS[name], ...description && { description } });

/** Sampling options; those that are absent have {@linkcode SAMPLING_DEFAULTS}. */
export const moreSamplingShape = {
  typical_p: described(probability, "typical_p", "Locally typical sampling; 1 is off"),
  top_n_sigma: described(
    z.number().min(-1).max(100),
    "top_n_sigma",
    "Keeps candidates within this many standard deviations of the best logit; 0 and -1 are off",
  ),
  xtc_probability: described(
    probability,
    "xtc_probability",
    "How often all candidates above xtc_threshold but the least probable are left out; 0 is off",
  ),
  xtc_threshold: described(probability, "xtc_threshold", "Above 0.5, xtc is off"),
  dynatemp_range: described(
    z.number().min(0).max(100),
    "dynatemp_range",
    "The temperature is up to this much lower or higher, by the entropy of the candidates; 0 is off",
  ),
  dynatemp_exponent: described(z.number().min(0).max(100), "dynatemp_exponent"),
  repeat_last_n: described(
    window,
    "repeat_last_n",
    "Number of last tokens that the penalties apply to; 0 is off, -1 is the whole context",
  ),
  dry_multiplier: described(
    z.number().min(0).max(100),
    "dry_multiplier",
    "Penalty of tokens that repeat a sequence (DRY); 0 is off",
  ),
  dry_base: described(z.number().min(1).max(100), "dry_base"),
  dry_allowed_length: described(
    z.number().int().min(0).max(MAX_WINDOW),
    "dry_allowed_length",
    "Longer repetitions are penalised, by dry_multiplier × dry_base ^ (length - this)",
  ),
  dry_penalty_last_n: described(
    window,
    "dry_penalty_last_n",
    "Number of last tokens in which DRY looks for repetitions; 0 is off, -1 is the whole context",
  ),
  dry_sequence_breakers: described(
    z.array(breaker).min(1).max(MAX_BREAKERS),
    "dry_sequence_breakers",
    "Texts at which DRY begins again",
  ),
  mirostat: described(
    z.union([z.literal(0), z.literal(1), z.literal(2)], { error: "must be 0, 1 or 2" }),
    "mirostat",
    "Version of Mirostat; 0 is off. With it, only logit_bias and temperature apply beside it, as " +
      "in llama.cpp",
  ),
  mirostat_tau: described(z.number().min(0).max(100), "mirostat_tau", "Mirostat's target entropy"),
  mirostat_eta: described(z.number().min(0).max(100), "mirostat_eta", "Mirostat's learning rate"),
  min_keep: described(
    z.number().int().min(0).max(MAX_WINDOW),
    "min_keep",
    "Candidates that top_p, min_p, typical_p and xtc keep at least",
  ),
  samplers: described(
    samplers,
    "samplers",
    "The samplers that apply, in their order: names, or llama-server's letters in a text",
  ),
  ignore_eos: described(
    z.boolean(),
    "ignore_eos",
    "true: tokens that end an answer are not chosen",
  ),
  min_tokens: described(
    z.number().int().min(0).max(MAX_WINDOW),
    "min_tokens",
    "Before this many tokens, none that ends the answer is chosen",
  ),
  stop_token_ids: described(
    z.array(tokenId).max(MAX_STOP_TOKENS),
    "stop_token_ids",
    "Further tokens that end the answer, and are left out of it",
  ),
};

/** Name of a sampling option. */
export type SamplingOption = keyof typeof moreSamplingShape;

/** Names of all of them. */
export const SAMPLING_OPTIONS = Object.keys(moreSamplingShape) as SamplingOption[];

/** Sampling options as a request has them. */
export type MoreSampling = { [Name in SamplingOption]?: z.output<typeof moreSamplingShape[Name]> };

type Nullable<Shape> = { [Name in keyof Shape]: z.ZodNullable<Shape[Name] & z.ZodType> };

/** The same in requests of other vendors' APIs, where null is the same as absent. */
export const anySamplingShape = {
  ...Object.fromEntries(
    Object.entries(moreSamplingShape).map(([name, field]) => [name, field.nullable()]),
  ) as unknown as Nullable<typeof moreSamplingShape>,
  // For these, llama-server takes its default, or means that it is off.
  dry_base: z.number().max(100).nullish().transform((base) =>
    base != null && base < 1 ? undefined : base
  ).optional(),
  top_n_sigma: z.number().max(100).nullish().transform((n) =>
    n != null && n < 0 ? SAMPLING_DEFAULTS.top_n_sigma : n
  ).optional(),
  dynatemp_range: z.number().max(100).nullish().transform((range) =>
    range != null && range < 0 ? 0 : range
  ).optional(),
};

/** The sampling options of another vendor's request as tasks have them. */
export function givenSampling(
  body: { readonly [Name in SamplingOption]?: unknown },
): MoreSampling {
  return Object.fromEntries(
    SAMPLING_OPTIONS.map((name) => [name, body[name]] as const).filter(([, value]) =>
      value != null
    ),
  );
}

/** Options that only count where another is on. */
const NEEDS: { readonly [Name in SamplingOption]?: SamplingOption } = {
  xtc_threshold: "xtc_probability",
  dynatemp_exponent: "dynatemp_range",
  mirostat_tau: "mirostat",
  mirostat_eta: "mirostat",
  dry_base: "dry_multiplier",
  dry_allowed_length: "dry_multiplier",
  dry_penalty_last_n: "dry_multiplier",
  dry_sequence_breakers: "dry_multiplier",
};

/** Names of a request's options that are not as they are without them. */
export function changedSampling(request: MoreSampling): SamplingOption[] {
  const isChanged = (name: SamplingOption): boolean => {
    const needed = NEEDS[name];
    if (request[name] === undefined || needed && !isChanged(needed)) return false;
    return JSON.stringify(request[name]) !== JSON.stringify(SAMPLING_DEFAULTS[name]);
  };
  return SAMPLING_OPTIONS.filter(isChanged);
}

/** All sampling options. */
export type SamplingOptions = {
  readonly [Name in SamplingOption]: NonNullable<MoreSampling[Name]>;
};

/** A request's sampling options, with the defaults of those that it leaves out. */
export function samplingOptions(request: MoreSampling): SamplingOptions {
  const given = SAMPLING_OPTIONS.flatMap((name) =>
    request[name] === undefined ? [] : [[name, request[name]]]
  );
  return { ...SAMPLING_DEFAULTS, ...Object.fromEntries(given) } as SamplingOptions;
}
