import { type Sampler, samplingOptions } from "#shared/contracts/sampling.ts";
import type { SamplingRequest } from "../engine.ts";
import type { Xtc } from "./thread/messages.ts";
import type { Mirostat } from "./thread/mirostat.ts";

/** One sampler of a chain, with what it takes. */
export type Part =
  | {
    readonly kind: "penalties";
    /** Number of last tokens that they apply to. */
    readonly window: number;
    readonly repetition: number;
    readonly frequency: number;
    readonly presence: number;
  }
  | { readonly kind: "dry" }
  | { readonly kind: "top_n_sigma"; readonly n: number }
  | { readonly kind: "top_k"; readonly k: number }
  | { readonly kind: "typ_p" | "top_p" | "min_p"; readonly p: number; readonly kept: number }
  | {
    readonly kind: "temperature";
    readonly temperature: number;
    readonly range: number;
    readonly exponent: number;
  };

/** What DRY takes. */
export interface DrySettings {
  readonly multiplier: number;
  readonly base: number;
  readonly allowedLength: number;
  readonly window: number;
  readonly breakers: readonly string[];
}

/** How a request's tokens are chosen, in the order in which the samplers apply. */
export interface SamplingPlan {
  /** Samplers before XTC. */
  readonly before: readonly Part[];
  readonly xtc: Xtc | undefined;
  /** Samplers after it. */
  readonly after: readonly Part[];
  readonly dry: DrySettings | undefined;
  /** Chooses at the end; undefined: one is drawn, or the most probable one is taken. */
  readonly mirostat: Mirostat | undefined;
  /** Whether one of the candidates is drawn; otherwise the most probable one is chosen. */
  readonly draws: boolean;
  /** Number of last tokens that the samplers remember; 0: none. */
  readonly window: number;
}

/** A token with a smaller part of the best one's probability than this is never drawn. */
const NEGLIGIBLE = 1e-30;
/** These compute logarithms of probabilities, and NaN from one that is 0. */
const POSITIVE: Part = { kind: "min_p", p: NEGLIGIBLE, kept: 1 };
/** Samplers that keep the most probable candidate, so that they change nothing where it is chosen. */
const KEEPS_BEST: readonly Sampler[] = ["top_k", "top_p", "min_p", "top_n_sigma"];
/** Kinds of samplers that may leave out the most probable candidate, by what others left. */
const REMOVES_BEST: readonly string[] = ["typ_p", "xtc"];

/**
 * The samplers of a request as llama-server has them.
 *
 * @param context Tokens of a slot.
 */
export function samplingPlan(request: SamplingRequest, context: number): SamplingPlan {
  const options = samplingOptions(request);
  const { temperature } = request;
  const plan = { before: [], xtc: undefined, after: [], dry: undefined, window: 0 };
  if (options.mirostat !== 0) {
    if (temperature <= 0) return { ...plan, mirostat: undefined, draws: false };
    const heat = partOf("temperature", { ...request, dynatemp_range: 0 }, context);
    return {
      ...plan,
      before: [...heat ? [heat] : [], ...options.mirostat === 1 ? [POSITIVE] : []],
      draws: true,
      mirostat: {
        version: options.mirostat,
        tau: options.mirostat_tau,
        eta: options.mirostat_eta,
      },
    };
  }
  const draws = temperature > 0 || options.dynatemp_range > 0 ||
    !options.samplers.includes("temperature");
  const names = namesOf(options.samplers, draws);
  const xtc = names.includes("xtc") ? xtcOf(request) : undefined;
  const at = xtc ? names.indexOf("xtc") : names.length;
  const parts = (names: readonly Sampler[]) =>
    names.flatMap((name) => partOf(name, request, context) ?? []);
  const [before, after] = [parts(names.slice(0, at)), parts(names.slice(at + 1))];
  const all = [...before, ...after];
  const chooses = draws || xtc !== undefined || all.some(({ kind }) => REMOVES_BEST.includes(kind));
  const kept = (parts: readonly Part[]) =>
    chooses ? withPositive(parts) : parts.filter(({ kind }) => !isIn(KEEPS_BEST, kind));
  const dry = all.some(({ kind }) => kind === "dry") ? drySettings(request, context) : undefined;
  const windows = all.map((part) => part.kind === "penalties" ? part.window : 0);
  return {
    before: kept(before),
    xtc,
    after: kept(after),
    dry,
    mirostat: undefined,
    draws,
    window: Math.max(0, ...windows, dry?.window ?? 0),
  };
}

/** Where nothing is drawn, the temperature leaves one candidate, and what is after it changes nothing. */
function namesOf(samplers: readonly Sampler[], draws: boolean): readonly Sampler[] {
  return draws ? samplers : samplers.slice(0, samplers.indexOf("temperature"));
}

function isIn(samplers: readonly Sampler[], kind: string): boolean {
  return samplers.some((each) => each === kind);
}

function withPositive(parts: readonly Part[]): Part[] {
  return parts.flatMap((part) => part.kind === "typ_p" ? [POSITIVE, part] : part);
}

/** Undefined if it changes nothing. */
function partOf(kind: Sampler, request: SamplingRequest, context: number): Part | undefined {
  const options = samplingOptions(request);
  const { min_keep: kept } = options;
  switch (kind) {
    case "penalties": {
      const window = windowOf(options.repeat_last_n, context);
      const { repetition_penalty: repetition, frequency_penalty: frequency } = request;
      const { presence_penalty: presence } = request;
      const penalizes = repetition !== 1 || frequency !== 0 || presence !== 0;
      if (!penalizes || window === 0) return undefined;
      return { kind, window, repetition, frequency, presence };
    }
    case "dry":
      return drySettings(request, context) && { kind };
    case "top_n_sigma":
      return options.top_n_sigma > 0 ? { kind, n: options.top_n_sigma } : undefined;
    case "top_k":
      return request.top_k > 0 ? { kind, k: request.top_k } : undefined;
    case "typ_p":
      return options.typical_p < 1 ? { kind, p: options.typical_p, kept } : undefined;
    case "top_p":
      return request.top_p < 1 ? { kind, p: request.top_p, kept } : undefined;
    case "min_p":
      return request.min_p > 0 ? { kind, p: request.min_p, kept } : undefined;
    case "xtc":
      return undefined;
    case "temperature": {
      const { dynatemp_range: range, dynatemp_exponent: exponent } = options;
      const { temperature } = request;
      if (temperature === 1 && range === 0) return undefined;
      return { kind, temperature, range, exponent };
    }
  }
}

function xtcOf(request: SamplingRequest): Xtc | undefined {
  const { xtc_probability: probability, xtc_threshold: threshold, min_keep: kept } =
    samplingOptions(request);
  return probability > 0 && threshold <= 0.5 ? { probability, threshold, kept } : undefined;
}

function drySettings(request: SamplingRequest, context: number): DrySettings | undefined {
  const options = samplingOptions(request);
  const window = windowOf(options.dry_penalty_last_n, context);
  if (options.dry_multiplier === 0 || window === 0) return undefined;
  return {
    multiplier: options.dry_multiplier,
    base: options.dry_base,
    allowedLength: options.dry_allowed_length,
    window,
    breakers: options.dry_sequence_breakers,
  };
}

function windowOf(tokens: number, context: number): number {
  return tokens < 0 ? context : Math.min(tokens, context);
}
