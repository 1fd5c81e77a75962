import { EngineStuck } from "../engine.ts";
import type { EngineThread } from "./engine_thread.ts";
import type {
  Choice,
  ChooseOrder,
  Cut,
  DraftOrder,
  PartOrder,
  PartResult,
} from "./thread/messages.ts";

/** Options of a {@linkcode StepCollector}. */
export interface CollectorOptions {
  readonly thread: EngineThread;
  /** Number of the context. */
  readonly context: number;
  /** Threads of the next step. */
  readonly threads: () => number;
  /** Watches a step in which grammars choose; see {@linkcode GrammarWatch}. */
  readonly guarded: <T>(step: Promise<T>) => Promise<T>;
  /** Takes the checkpoints that are not needed any more. */
  readonly forgotten: () => readonly number[];
}

interface Waiting {
  readonly part: PartOrder;
  readonly settle: PromiseWithResolvers<Exclude<PartResult, { error: string }>>;
}

/** Sends the parts that sequences add in one turn of the event loop as one step. */
export class StepCollector {
  readonly #options: CollectorOptions;
  #waiting: Waiting[] = [];
  #cuts: Cut[] = [];
  #isScheduled = false;
  #drafts: {
    readonly order: DraftOrder;
    readonly settle: PromiseWithResolvers<readonly number[]>;
  }[] = [];

  constructor(options: CollectorOptions) {
    this.#options = options;
  }

  /** Evaluates a part. Rejects if it fails; other parts are not affected. */
  run(part: PartOrder): Promise<Exclude<PartResult, { error: string }>> {
    const settle = Promise.withResolvers<Exclude<PartResult, { error: string }>>();
    this.#waiting.push({ part, settle });
    if (!this.#isScheduled) {
      this.#isScheduled = true;
      queueMicrotask(() => void this.#send());
    }
    return settle.promise;
  }

  /** Drafts with the model's own layers, together with what others ask for in this turn. */
  draft(order: DraftOrder): Promise<readonly number[]> {
    const settle = Promise.withResolvers<readonly number[]>();
    if (this.#drafts.push({ order, settle }) === 1) queueMicrotask(() => void this.#sendDrafts());
    return settle.promise;
  }

  async #sendDrafts(): Promise<void> {
    const asked = this.#drafts;
    this.#drafts = [];
    const { thread, context } = this.#options;
    try {
      const drafts = await thread.call("draft", {
        ...{ context, cuts: this.takeCuts() },
        drafts: asked.map(({ order }) => order),
      });
      for (const [index, { settle }] of asked.entries()) settle.resolve(drafts[index]!);
    } catch (error) {
      for (const { settle } of asked) settle.reject(error);
    }
  }

  /** Chooses after one more output of the last step. */
  async choose(sequence: number, output: number, choose: ChooseOrder): Promise<Choice | undefined> {
    const { thread, context, guarded } = this.#options;
    const choices = await guarded(thread.call("choose", { context, sequence, output, choose }));
    return choices[0];
  }

  /**
   * Removes what a sequence has from a position on, before the next step.
   *
   * @param checkpoint The checkpoint of that length, if the memory cannot be cut there.
   */
  cut(sequence: number, from: number, checkpoint?: number): void {
    const { context } = this.#options;
    const isNew = checkpoint !== undefined || from === 0;
    // A recurrent state can be taken back once only, so cuts of one turn become one.
    this.#cuts = this.#cuts.filter((cut) =>
      cut.sequence !== sequence || cut.checkpoint !== undefined && !isNew
    );
    this.#cuts.push({ context, sequence, from, checkpoint });
  }

  /** The cuts that are still to be made, which whoever takes them must send. */
  takeCuts(): Cut[] {
    const cuts = this.#cuts;
    this.#cuts = [];
    return cuts;
  }

  async #send(): Promise<void> {
    this.#isScheduled = false;
    const waiting = this.#waiting;
    this.#waiting = [];
    const { thread, context, threads, guarded, forgotten } = this.#options;
    const parts = waiting.map(({ part }) => part);
    try {
      const step = thread.call("step", {
        context,
        cuts: this.takeCuts(),
        forget: forgotten(),
        threads: threads(),
        parts,
      });
      const isHeld = parts.some(({ choose }) => choose && choose.grammar !== 0);
      const results = await (isHeld ? guarded(step) : step);
      for (const [index, result] of results.entries()) {
        const { settle } = waiting[index]!;
        if ("error" in result) settle.reject(new Error(result.error));
        else settle.resolve(result);
      }
    } catch (error) {
      const guilty = waiting.filter(({ part }) => part.sequence === thread.choosing);
      const isOfOne = error instanceof EngineStuck && guilty.length > 0;
      // The other parts of a step that never ends are not to blame: they end with the engine.
      for (const { settle } of isOfOne ? guilty : waiting) settle.reject(error);
    }
  }
}
