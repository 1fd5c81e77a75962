import { TokenCost } from "./token_cost.ts";

/** A completed step of the loop. */
export interface PacedStep extends Pick<Prompts, "prompts" | "depth"> {
  /** Sequences that generated. */
  readonly generating: number;
  /** Prompt tokens that were evaluated, of all prompts. */
  readonly prefilled: number;
  readonly ms: number;
}

/** The prompts that are being read. The numbers of tokens are averages. */
export interface Prompts {
  readonly prompts: number;
  /** Tokens of each that were evaluated before it came. */
  readonly known: number;
  /** Tokens that each has behind it already. */
  readonly depth: number;
  /** Tokens of each. */
  readonly length: number;
}

/**
 * llama.cpp computes the attention of this many tokens of a sequence together, on the CPU in half the
 * time that they take one by one.
 */
const TOGETHER = 64;
/** Tokens of a prompt in a step with generating sequences, before so many were measured. */
const FIRST_SHARE = 1 + TOGETHER;
/** Numbers of tokens to choose from: matrices are multiplied 4 or 16 rows at a time. */
const FEW = [4, 8, 16, 32, 48, 64, 96, 128, 192, 256, 384, 512];
const MANY = [64, 128, 256, 512, 1024, 2048, 4096];
/** Weight of the newest step in the averages. */
const NEWEST = 0.2;

/** Places in the prompts at which the times of all their steps are estimated. */
const PLACES = 6;

/** Prompt tokens of a step, and the time that they take in ms. */
interface Share {
  readonly tokens: number;
  readonly ms: number;
}

/** Times at one depth of the prompts. */
interface Place {
  /** Time of a token that is evaluated alone in ms. */
  readonly alone: number;
  /** From the fewest tokens to the most. */
  readonly shares: readonly Share[];
}

/**
 * Decides how many prompt tokens a step evaluates while other sequences generate, so that the others wait
 * as short as possible: the steps take about the same time from the prompts' beginning to their end, and
 * as little as lets them be read at most a given number of times slower than alone. If fewer generate than
 * wait for their first token, those that wait are favoured. It uses measured durations, since a number
 * that suits a CPU would leave a GPU idle, and the reverse would make streams stall.
 */
export class PrefillPace {
  readonly #slowdown: number;
  /** Duration of a step without prompt tokens in ms, by the number of generating sequences. */
  readonly #quiet = new Map<number, number>();
  /** Time that a prompt token takes among few of its sequence, and among many. */
  readonly #cost = { few: new TokenCost(), many: new TokenCost() };

  /** @param slowdown How many times longer than alone a prompt may take; above 1. */
  constructor(slowdown: number) {
    this.#slowdown = slowdown;
  }

  /** Adds the measurement of a step. */
  observe({ generating, prefilled, ms, prompts, depth }: PacedStep): void {
    if (prefilled === 0) {
      const before = this.#quiet.get(generating);
      this.#quiet.set(generating, before === undefined ? ms : before + NEWEST * (ms - before));
      return;
    }
    const share = prefilled / prompts;
    const without = generating === 0 ? 0 : this.#quietMs(generating) ?? 0;
    const cost = isMany(share, generating) ? this.#cost.many : this.#cost.few;
    cost.learn(depth + share / 2, Math.max(0, ms - without) / prefilled);
  }

  /** Prompt tokens of the next step, for all prompts together. */
  chunk(generating: number, { prompts, known, depth, length }: Prompts): number {
    const quiet = this.#quietMs(generating);
    const here = this.#shares(depth, generating, prompts);
    // From few alone, nobody can tell how much less time each of many takes.
    if (quiet === undefined || !here) return FIRST_SHARE * prompts;
    const all = Array.from({ length: PLACES }, (_, index) => {
      const share = (index + 0.5) / PLACES;
      return this.#shares(known + share * (length - known), generating, prompts)!;
    });
    const alone = sum(all, ({ alone }) => alone);
    const most = 1 + (this.#slowdown - 1) * Math.min(1, generating / prompts);
    const isEnough = (ms: number) =>
      sum(all, ({ shares }) => {
        const share = within(shares, ms);
        return share ? (quiet + share.ms) / share.tokens : Infinity;
      }) <= most * alone;
    const times = [here, ...all].flatMap(({ shares }) => shares.map(({ ms }) => ms));
    const ms = times.sort((a, b) => a - b).find(isEnough) ?? Infinity;
    return (within(here.shares, ms) ?? here.shares[0]!).tokens;
  }

  /** What a step may evaluate at a depth, and how long; undefined before it was measured. */
  #shares(depth: number, generating: number, prompts: number): Place | undefined {
    const many = this.#cost.many.at(depth);
    if (many === undefined) return undefined;
    const few = this.#cost.few.at(depth) ?? many;
    const shares = choicesFor(prompts).map((tokens) => ({
      tokens,
      ms: tokens * (isMany(tokens / prompts, generating) ? many : few),
    }));
    return { alone: Math.min(few, many), shares };
  }

  /** Duration of a step without prompt tokens, for the nearest measured number of sequences. */
  #quietMs(generating: number): number | undefined {
    const distance = (count: number) => Math.abs(count - generating);
    const [nearest] = [...this.#quiet.keys()].sort((a, b) => distance(a) - distance(b));
    return nearest === undefined ? undefined : this.#quiet.get(nearest);
  }
}

/** The share with the most tokens that takes at most this time. */
function within(shares: readonly Share[], ms: number): Share | undefined {
  return shares.findLast((share) => share.ms <= ms);
}

function sum<T>(all: readonly T[], of: (each: T) => number): number {
  return all.reduce((sum, each) => sum + of(each), 0);
}

function isMany(share: number, generating: number): boolean {
  return share - Math.min(1, generating) >= TOGETHER;
}

/**
 * Numbers of tokens to choose from, of all prompts together. Where others generate, llama.cpp computes
 * one token of each sequence first, then the rest of the prompts.
 */
function choicesFor(prompts: number): number[] {
  const all = [...FEW.map((rest) => 1 + rest), ...MANY.map((rest) => prompts * (1 + rest))];
  return all.sort((a, b) => a - b);
}
