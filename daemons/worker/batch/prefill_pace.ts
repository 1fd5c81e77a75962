import { TokenCost } from "./token_cost.ts";

/** A completed step of the loop. */
export interface PacedStep extends Prompts {
  /** Sequences that generated. */
  readonly generating: number;
  /** Prompt tokens that were evaluated, of all prompts. */
  readonly prefilled: number;
  readonly ms: number;
}

/** The prompts that are being read. */
export interface Prompts {
  readonly prompts: number;
  /** Tokens that they have behind them already, on average. */
  readonly depth: number;
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
/**
 * After so many steps with few tokens beside others, the cost of many is forgotten and measured again. Otherwise
 * one slow step could keep many from being chosen.
 */
const KNOWN_STEPS = 200;
/** Weight of the newest step in the averages. */
const NEWEST = 0.2;

/**
 * Decides how many prompt tokens a step evaluates while other sequences generate: as few as let the
 * prompts be read at most a given number of times slower than alone. The fewer they are, the shorter do
 * the others wait. If fewer generate than wait for their first token, those that wait are favoured.
 * It uses measured durations, since a number that suits a CPU would leave a GPU idle, and the reverse
 * would make streams stall.
 */
export class PrefillPace {
  readonly #slowdown: number;
  /** Duration of a step without prompt tokens in ms, by the number of generating sequences. */
  readonly #quiet = new Map<number, number>();
  /** Time that a prompt token takes among few of its sequence, and among many. */
  readonly #cost = { few: new TokenCost(), many: new TokenCost() };
  /** Steps with few tokens beside others since one with many. */
  #sinceMany = 0;

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
    const many = isMany(share, generating);
    if (many || generating > 0) this.#sinceMany = many ? 0 : this.#sinceMany + 1;
    if (this.#sinceMany >= KNOWN_STEPS) {
      this.#cost.many = new TokenCost();
      this.#sinceMany = 0;
    }
    const cost = many ? this.#cost.many : this.#cost.few;
    cost.learn(depth + share / 2, Math.max(0, ms - without) / prefilled);
  }

  /** Prompt tokens of the next step, for all prompts together. */
  chunk(generating: number, { prompts, depth }: Prompts): number {
    const quiet = this.#quietMs(generating);
    const many = this.#cost.many.at(depth);
    const few = this.#cost.few.at(depth) ?? many;
    // From few alone, nobody can tell how much less time each of many takes.
    if (quiet === undefined || !many || !few) return FIRST_SHARE * prompts;
    const alone = Math.min(few, many);
    const isEnough = (tokens: number) => {
      const ms = quiet + tokens * (isMany(tokens / prompts, generating) ? many : few);
      return ms / (tokens * alone) <= 1 + (this.#slowdown - 1) * Math.min(1, generating / prompts);
    };
    const choices = choicesFor(prompts);
    return choices.find(isEnough) ?? choices.at(-1)!;
  }

  /** Time in which a prompt's first tokens are read alone, in ms; undefined before that was measured. */
  readMs(tokens: number): number | undefined {
    const { few, many } = this.#cost;
    const each = many.at(tokens / 2) ?? few.at(tokens / 2);
    return each === undefined ? undefined : each * tokens;
  }

  /** Duration of a step without prompt tokens, for the nearest measured number of sequences. */
  #quietMs(generating: number): number | undefined {
    const distance = (count: number) => Math.abs(count - generating);
    const [nearest] = [...this.#quiet.keys()].sort((a, b) => distance(a) - distance(b));
    return nearest === undefined ? undefined : this.#quiet.get(nearest);
  }
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
