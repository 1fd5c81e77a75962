import { LlorchError } from "#shared/errors.ts";
import {
  type EngineSequence,
  type Generation,
  SCORED_AT_ONCE,
  type StateMark,
} from "../engine/engine.ts";
import { commonLength } from "../engine/common_length.ts";
import { isMedia, runEnd, tellingLength, wholeLength } from "../engine/media_tokens.ts";
import type { Run } from "./run.ts";

/** Most tokens of one step that are scored while others generate. */
const SCORED_BESIDE = 4;

/** A slot that reads what another run's prompt begins with, too. */
export interface Leader {
  readonly slot: Slot;
  readonly run: Run;
  /** Tokens that both begin with. */
  readonly length: number;
}

/** A sequence of the engine, and the run that uses it. */
export class Slot {
  readonly sequence: EngineSequence;
  #run: Run | undefined;
  #generation: Generation | undefined;
  #done = 0;
  #usedAt = 0;
  #leader: Leader | undefined;
  /** The run whose pictures are still encoded. */
  #encoding: Run | undefined;

  constructor(sequence: EngineSequence) {
    this.sequence = sequence;
  }

  get run(): Run | undefined {
    return this.#run;
  }

  /** When it was last in use, in milliseconds of the process's clock. */
  get usedAt(): number {
    return this.#usedAt;
  }

  /** Whether the run waits for its pictures, which are encoded beside the steps of others. */
  get isEncoding(): boolean {
    return this.#run !== undefined && this.#encoding === this.#run;
  }

  /** Prompt tokens that are evaluated. */
  get done(): number {
    return this.#done;
  }

  /** Whose reading its run waits for; undefined: it does not wait. */
  get leader(): Leader | undefined {
    return this.#leader;
  }

  /** Keeps the slot for a run that goes on from what another one reads, once that is read. */
  follow(run: Run, leader: Leader): void {
    this.#run = run;
    this.#done = 0;
    this.#leader = leader;
  }

  /** Prompt tokens still to evaluate; 0 once the run generates. */
  get remaining(): number {
    return this.#run && !this.#generation ? this.#run.tokens.length - this.#done : 0;
  }

  /**
   * Prompt tokens that the next step may evaluate.
   *
   * @param isAlone Whether nothing generates meanwhile, which would wait while tokens are scored.
   * @param stops Lengths from which others go on: a step does not go beyond the next of them.
   */
  evaluable(isAlone: boolean, stops: readonly number[] = []): number {
    const left = (this.#run?.scoredTo ?? 0) - this.#done;
    if (left <= 0 || this.#generation) {
      const next = Math.min(...stops.filter((length) => length > this.#done));
      return Math.min(this.remaining, next - this.#done);
    }
    return Math.min(left, isAlone ? SCORED_AT_ONCE : SCORED_BESIDE);
  }

  /** Whether its next step scores tokens. */
  get isScoring(): boolean {
    return !this.#generation && (this.#run?.scoredTo ?? 0) > this.#done;
  }

  /**
   * Tokens of a run that are evaluated already; never the last one, which yields the next token.
   */
  shared(run: Run): number {
    // What was evaluated before has no logits any more.
    if (run.scoredTo > 0) return 0;
    return this.sequence.sharedPrefix(run.tokens, run.sampling);
  }

  /** Tokens that another run's prompt begins with, too, once this one's is read; 0 if it does not read. */
  willShare({ tokens, sampling }: Run): number {
    const own = this.#run;
    if (!own || this.remaining === 0 || own.scoredTo > 0) return 0;
    if ((own.sampling.adapter ?? 0) !== (sampling.adapter ?? 0)) return 0;
    const common = Math.min(
      commonLength(own.tokens, tokens),
      own.tokens.length - 1,
      tokens.length - 1,
    );
    return tellingLength(tokens, wholeLength(tokens, common));
  }

  /**
   * Gives the slot to a run.
   *
   * @returns what the run waits for before its next step; undefined: nothing
   */
  assign(run: Run): Promise<void> | undefined {
    this.#run = run;
    this.#leader = undefined;
    this.#done = this.sequence.trim(this.shared(run), run.tokens);
    run.evaluated(this.#done, this.#done);
    run.start();
    // Earlier attempts may have ended it; then its pictures are gone.
    if (run.ended) return undefined;
    const encoding = this.sequence.prepare(run.tokens, this.#done);
    if (!encoding) return undefined;
    this.#encoding = run;
    return encoding.then(() => {}).finally(() => {
      if (this.#encoding === run) this.#encoding = undefined;
    });
  }

  /**
   * Takes one step: evaluates a part of the prompt, or generates one or more tokens.
   *
   * @param prefill Prompt tokens to evaluate in this step.
   */
  async step(prefill: number): Promise<void> {
    const run = this.#run!;
    if (!this.#generation && prefill < this.remaining) {
      const end = this.#endOf(prefill, run.tokens);
      const tokens = run.tokens.slice(this.#done, end);
      if (this.isScoring) {
        const next = run.tokens.slice(this.#done + 1, end + 1);
        run.scored(await this.sequence.score(tokens, next, run.scoredCount, run.sampling));
      } else await this.sequence.prefill(tokens, run.sampling);
      this.#done = end;
      run.evaluated(end);
      return;
    }
    if (!this.#generation) {
      const rest = run.tokens.slice(this.#done);
      this.#generate(rest);
      // A prompt may begin a thought that may have no tokens.
      if (this.#force(rest)) return;
    }
    let before = run.length;
    const all = await this.#generation!.next((chosen) => {
      before = run.length;
      run.accept(chosen);
      return !run.ended && run.forced.length === 0;
    });
    // An end token in a thought that must not end the answer is left out.
    this.#force(run.length > before ? [all.at(-1)!.token] : []);
  }

  /** Where a step of so many tokens ends: with a picture, or before one, which has a step of its own. */
  #endOf(prefill: number, tokens: readonly number[]): number {
    const end = this.#done + prefill;
    const run = runEnd(tokens, this.#done);
    return isMedia(tokens[this.#done]) ? run : Math.min(end, run);
  }

  #generate(tokens: readonly number[]): void {
    this.#generation?.close();
    const run = this.#run!;
    this.#generation = this.sequence.generate(tokens, run.sampling, run.left);
  }

  /** Goes on after tokens that the model does not choose, behind those not evaluated yet. */
  #force(before: readonly number[]): boolean {
    const run = this.#run!;
    const forced = run.forced;
    if (forced.length === 0) return false;
    for (const token of forced) run.force(token);
    if (!run.ended) this.#generate([...before, ...forced]);
    return true;
  }

  /** Frees the slot; its evaluated tokens stay for later runs to share. */
  release(): void {
    const generation = this.#generation;
    this.#generation = undefined;
    this.#run = undefined;
    this.#leader = undefined;
    this.#encoding = undefined;
    this.#usedAt = performance.now();
    generation?.close();
  }

  /**
   * See {@linkcode EngineSequence.save}.
   *
   * @throws {LlorchError} `CONFLICT` while a run has the slot.
   */
  async save(path: string, mark: StateMark): Promise<number> {
    this.#requireFree();
    return await this.sequence.save(path, mark);
  }

  /**
   * See {@linkcode EngineSequence.restore}.
   *
   * @param usedAt When the restored content was last in use, as in {@linkcode Slot.usedAt}.
   * @throws {LlorchError} `CONFLICT`, also while a run has the slot
   */
  async restore(path: string, mark: StateMark, usedAt: number): Promise<number> {
    this.#requireFree();
    const tokens = await this.sequence.restore(path, mark);
    this.#usedAt = usedAt;
    return tokens;
  }

  #requireFree(): void {
    if (!this.#run) return;
    throw new LlorchError("CONFLICT", "Cannot save or restore a slot that is in use");
  }

  /** Frees the slot and clears its sequence, whose content is unknown after a failure. */
  reset(): void {
    this.release();
    this.sequence.trim(0);
  }
}
