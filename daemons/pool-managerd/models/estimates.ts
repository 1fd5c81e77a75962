import { createHash } from "node:crypto";
import type { Clock } from "#shared/clock.ts";
import type { EngineFigure, PoolModel } from "#shared/contracts/pool.ts";
import { errorMessage } from "#shared/errors.ts";
import type { Logger } from "#shared/logging.ts";
import type { EngineEstimate } from "#shared/models/engine_estimate.ts";
import type { FoundModel } from "#shared/models/scan.ts";
import { type LoadSettings, sameLoad } from "./measurement.ts";

/** What the engine says of a load. */
export type EngineBytes = Pick<EngineFigure, "device_bytes" | "device_shares" | "host_bytes">;

/** Dependencies of {@linkcode Estimates}. */
export interface EstimatesOptions {
  /** Asks the engine, in a child. */
  readonly ask: (
    model: FoundModel,
    load: LoadSettings,
    signal: AbortSignal,
  ) => Promise<EngineEstimate>;
  /**
   * All that the memory of a model's loads depends on, beside the load itself: its files, settings, the
   * worker's program, the devices. Undefined: nobody can be asked about this model.
   */
  readonly identity: (model: FoundModel) => Promise<string | undefined>;
  /** The loads that are wanted for each model. */
  readonly loads: (model: FoundModel) => readonly LoadSettings[];
  /** Figures of earlier processes, by key. */
  readonly stored: (key: string) => EngineBytes | undefined;
  readonly store: (key: string, said: EngineBytes) => void;
  /** Whether children must wait, since a model is being loaded. */
  readonly isBusy: () => boolean;
  readonly clock: Clock;
  readonly log: Logger;
  readonly counted: (outcome: "engine" | "failed") => void;
  /** Called after each answer. */
  readonly onChange: () => void;
}

/** What is known of a model. */
interface Known {
  readonly identity: string;
  readonly figures: EngineFigure[];
  /** Loads that nobody is asked about again, and why the last of them has no figure. */
  readonly failed: LoadSettings[];
  problem?: string;
  /** Loads in use that differ from the usual ones, newest last. */
  readonly used: LoadSettings[];
}

/** Pause while a model is being loaded, in milliseconds. */
const BUSY_MS = 1_000;
/** Most figures that are reported for a model. */
const MOST_REPORTED = 64;
/** Most loads in use that are remembered for a model. */
const MOST_USED = 8;

/**
 * The engine's own figures of what loads take. They are found in the background, by one child at a time,
 * and kept until a file, a setting, a device or the program changes. Decisions use what is there and never
 * wait. What a child did not say is not asked again before the pool manager starts again.
 */
export class Estimates {
  readonly #options: EstimatesOptions;
  readonly #known = new Map<string, Known>();
  readonly #stop = new AbortController();
  #models: readonly FoundModel[] = [];
  #refreshing: Promise<void> = Promise.resolve();
  #running: Promise<void> | undefined;
  #wake = () => {};

  constructor(options: EstimatesOptions) {
    this.#options = options;
  }

  /** What is known of a model's loads. */
  figures(fingerprint: string): readonly EngineFigure[] {
    return this.#known.get(fingerprint)?.figures ?? [];
  }

  /** What is known of a model's loads, as it is reported to the orchestrator. */
  describe(fingerprint: string): Pick<PoolModel, "engine_figures" | "estimate_problem"> {
    const { figures = [], problem } = this.#known.get(fingerprint) ?? {};
    return {
      ...(figures.length > 0 ? { engine_figures: figures.slice(-MOST_REPORTED) } : {}),
      ...(problem === undefined ? {} : { estimate_problem: problem.slice(0, 1_024) }),
    };
  }

  /** Finds out about the models of a scan; what is known of others is forgotten. */
  refresh(models: readonly FoundModel[]): void {
    this.#refreshing = this.#refreshing.then(() => this.#refresh(models)).catch((error) => {
      this.#options.log.error("memory_not_estimated", { reason: errorMessage(error) });
    });
  }

  async #refresh(models: readonly FoundModel[]): Promise<void> {
    const identities = new Map<string, string>();
    for (const model of models) {
      const identity = await this.#options.identity(model);
      if (identity !== undefined) identities.set(model.fingerprint, identity);
    }
    for (const fingerprint of this.#known.keys()) {
      if (!identities.has(fingerprint)) this.#known.delete(fingerprint);
    }
    for (const [fingerprint, identity] of identities) {
      const known = this.#known.get(fingerprint);
      if (known?.identity === identity) continue;
      const used = known?.used ?? [];
      this.#known.set(fingerprint, { identity, figures: [], failed: [], used });
    }
    this.#models = models;
    this.#run();
  }

  /** Remembers that a load is in use, so that it gets a figure of its own. */
  use(fingerprint: string, load: LoadSettings): void {
    const used = this.#known.get(fingerprint)?.used;
    if (!used || used.some((each) => sameLoad(each, load))) return;
    used.push(load);
    if (used.length > MOST_USED) used.shift();
    this.#run();
  }

  /** Ends the running child, and starts no other. */
  async close(): Promise<void> {
    this.#stop.abort();
    await this.#refreshing;
    this.#wake();
    await this.#running;
  }

  #run(): void {
    this.#running ??= this.#askAll().finally(() => {
      this.#running = undefined;
      // What is wanted since its last look.
      if (!this.#stop.signal.aborted && this.#next() !== undefined) this.#run();
    });
  }

  async #askAll(): Promise<void> {
    const { isBusy, clock } = this.#options;
    while (!this.#stop.signal.aborted) {
      const next = this.#next();
      if (next === undefined) return;
      if (isBusy()) {
        await new Promise<void>((resolve) => {
          const cancel = clock.after(BUSY_MS, resolve);
          this.#wake = () => {
            cancel();
            resolve();
          };
        });
        continue;
      }
      await this.#ask(...next);
    }
  }

  /** A load without a figure: those in use come first. */
  #next(): [FoundModel, Known, LoadSettings] | undefined {
    for (const ofUse of [true, false]) {
      for (const model of this.#models) {
        const known = this.#known.get(model.fingerprint);
        if (!known) continue;
        const wanted = ofUse ? known.used : this.#options.loads(model);
        const load = wanted.find((each) =>
          ![...known.figures, ...known.failed].some((other) => sameLoad(other, each))
        );
        if (load) return [model, known, load];
      }
    }
    return undefined;
  }

  async #ask(model: FoundModel, known: Known, load: LoadSettings): Promise<void> {
    const { ask, stored, store, counted, log, onChange } = this.#options;
    const key = createHash("sha256").update(JSON.stringify([known.identity, load])).digest("hex");
    const earlier = stored(key);
    if (earlier) {
      known.figures.push(figureOf(load, earlier));
      return onChange();
    }
    const answer = await ask(model, load, this.#stop.signal)
      .then((answer) => checked(answer, load))
      .catch((error) => ({ problem: errorMessage(error) }));
    if (this.#stop.signal.aborted) return;
    const { model_ref } = model;
    if ("memory" in answer) {
      const { parts: _, ...said } = answer.memory;
      store(key, said);
      known.figures.push(figureOf(load, said));
      counted("engine");
      log.info("memory_estimated", { model_ref, ...load, ...said });
    } else {
      known.failed.push(load);
      known.problem = answer.problem;
      counted("failed");
      log.warn("memory_not_estimated", { model_ref, ...load, reason: answer.problem });
    }
    onChange();
  }
}

/** An answer on a load of several devices says what each of them gets. */
function checked(answer: EngineEstimate, { split }: LoadSettings): EngineEstimate {
  const isWhole = "problem" in answer ||
    answer.memory.device_shares?.length === split?.layers.length;
  return isWhole ? answer : { problem: "it does not say what each GPU would hold" };
}

function figureOf({ split, ...load }: LoadSettings, said: EngineBytes): EngineFigure {
  return { ...load, ...(split ? { split: { ...split, layers: [...split.layers] } } : {}), ...said };
}
