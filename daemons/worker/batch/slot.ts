import type { EngineSequence, Generation } from "../engine/engine.ts";
import type { Run } from "./run.ts";

/** One sequence of the engine and the run that has it. */
export class Slot {
  readonly sequence: EngineSequence;
  #run: Run | undefined;
  #generation: Generation | undefined;
  /** Tokens of the run that the sequence keeps from before; undefined once cut to it. */
  #keep: number | undefined;
  #done = 0;
  #usedAt = 0;

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

  /** Prompt tokens still to evaluate; 0 once the run generates. */
  get remaining(): number {
    return this.#run && !this.#generation ? this.#run.tokens.length - this.#done : 0;
  }

  /** Tokens of a run that it need not evaluate: never the last one, which yields the next token. */
  shared(run: Run): number {
    return Math.min(this.sequence.sharedPrefix(run.tokens), run.tokens.length - 1);
  }

  /** Gives the slot to a run. */
  assign(run: Run): void {
    this.#run = run;
    this.#keep = this.shared(run);
    this.#done = this.#keep;
    run.evaluated(this.#done, this.#keep);
    run.start();
  }

  /**
   * One step: a piece of the prompt, or one token.
   *
   * @param prefill Prompt tokens to evaluate in this step.
   */
  async step(prefill: number): Promise<void> {
    const run = this.#run!;
    if (this.#keep !== undefined) {
      await this.sequence.trim(this.#keep);
      this.#keep = undefined;
    }
    if (!this.#generation && prefill < this.remaining) {
      const end = this.#done + prefill;
      await this.sequence.prefill(run.tokens.slice(this.#done, end));
      this.#done = end;
      run.evaluated(end);
      return;
    }
    this.#generation ??= this.sequence.generate(run.tokens.slice(this.#done), run.spec.sampling);
    run.accept(await this.#generation.next());
  }

  /** Takes the slot from its run; what was evaluated stays for the next one to share. */
  async release(): Promise<void> {
    const generation = this.#generation;
    this.#generation = undefined;
    this.#run = undefined;
    this.#usedAt = performance.now();
    await generation?.close();
  }

  /** Forgets everything: after a failure nobody knows what the sequence holds. */
  async reset(): Promise<void> {
    await this.sequence.trim(0);
  }
}
