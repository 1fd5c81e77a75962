import type { Clock } from "#shared/clock.ts";
import type { DefaultLoad, PoolModel } from "#shared/contracts/pool.ts";
import { errorMessage } from "#shared/errors.ts";
import type { Logger } from "#shared/logging.ts";
import type { FoundModel, ScanResult } from "#shared/models/scan.ts";
import type { Measurement } from "./measurement.ts";

/** What a {@linkcode Catalog} needs. */
export interface CatalogOptions {
  readonly scan: () => Promise<ScanResult>;
  /** What loads really took, by `measurementKey`, newest first. */
  readonly measurements: () => ReadonlyMap<string, readonly Measurement[]>;
  readonly measurementKey: (model: FoundModel) => string;
  /** What a load that names nothing comes to. */
  readonly describeLoad: (model: FoundModel, measured: readonly Measurement[]) => DefaultLoad;
  /** Whether a copy of the model is in memory. */
  readonly isStaged: (fingerprint: string) => boolean;
  readonly rescanMs: number;
  readonly clock: Clock;
  readonly log: Logger;
  /** Called when the revision has risen. */
  readonly onChange: () => void;
}

/** The models that this host has, looked up again every now and then. */
export class Catalog {
  readonly #options: CatalogOptions;
  #found: readonly FoundModel[] = [];
  #models: readonly PoolModel[] = [];
  /** Problems of the last look, so that each is logged once and not every few seconds. */
  #problems: ReadonlySet<string> = new Set();
  #revision = 0;
  #scanning: Promise<void> | undefined;
  #cancelTimer = () => {};
  #isClosed = false;

  constructor(options: CatalogOptions) {
    this.#options = options;
  }

  get models(): readonly PoolModel[] {
    return this.#models;
  }

  /** Rises whenever {@linkcode models} changes; 0 before the first look. */
  get revision(): number {
    return this.#revision;
  }

  /** Looks now, and again after `rescanMs`; looks at the same time share one. */
  rescan(): Promise<void> {
    return this.#scanning ??= this.#scan().finally(() => {
      this.#scanning = undefined;
      this.#cancelTimer();
      if (this.#isClosed) return;
      const { clock, rescanMs } = this.#options;
      this.#cancelTimer = clock.after(rescanMs, () => void this.rescan());
    });
  }

  /** Takes new measurements in. */
  refresh(): void {
    const { isStaged, measurementKey, describeLoad } = this.#options;
    const measurements = this.#options.measurements();
    const models = this.#found.map((model) => {
      const known = measurements.get(measurementKey(model)) ?? [];
      const measured = known.find(({ gpu_layers }) => gpu_layers === (model.gpu_layers ?? null));
      return {
        ...model,
        ...(measured ? { measured: told(measured) } : {}),
        default_load: describeLoad(model, known),
        staged: isStaged(model.fingerprint),
      };
    });
    if (this.#revision > 0 && JSON.stringify(models) === JSON.stringify(this.#models)) return;
    this.#models = models;
    this.#revision++;
    this.#options.onChange();
  }

  /** Ends the looking. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#cancelTimer();
    await this.#scanning;
  }

  async #scan(): Promise<void> {
    const { scan, log } = this.#options;
    try {
      const { models, problems } = await scan();
      this.#found = models;
      const said = this.#problems;
      this.#problems = new Set(problems.map((problem) => `${problem.path}: ${problem.message}`));
      for (const problem of problems) {
        if (!said.has(`${problem.path}: ${problem.message}`)) log.warn("model_unusable", problem);
      }
    } catch (error) {
      log.error("models_scan_failed", { error: errorMessage(error) });
    }
    this.refresh();
  }
}

/** As the contract has it: of a load with as many layers on its device as is configured. */
function told({ context, slots, memory_bytes }: Measurement): NonNullable<PoolModel["measured"]> {
  return { context, slots, memory_bytes };
}
