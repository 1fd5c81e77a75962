import type { MetricsData, PromptProgress } from "#shared/contracts/mod.ts";

/** How much of each choice's prompt is evaluated, up to its first token. */
export class Progress {
  readonly #isWanted: boolean;
  readonly #last = new Map<number, number>();
  readonly #begun = new Set<number>();

  /** @param request A request whose client may want to know. */
  constructor(request: {
    readonly stream?: boolean | null | undefined;
    readonly return_progress?: boolean | null | undefined;
  }) {
    this.#isWanted = request.stream === true && request.return_progress === true;
  }

  /** A choice has tokens: its prompt is evaluated. */
  begin(choice: number): void {
    this.#begun.add(choice);
  }

  /** The progress to tell; undefined if there is none, or nothing new. */
  take(choice: number, metrics: MetricsData): PromptProgress | undefined {
    const { prompt_total: total, prompt_done: processed, prompt_cached: cache = 0 } = metrics;
    if (!this.#isWanted || this.#begun.has(choice)) return undefined;
    if (total === undefined || processed === undefined) return undefined;
    if (this.#last.get(choice) === processed) return undefined;
    this.#last.set(choice, processed);
    return { total, cache, processed, time_ms: Math.round(metrics.prompt_ms ?? 0) };
  }
}
