import { isAbsolute } from "node:path";
import type { Clock } from "#shared/clock.ts";
import type { DefaultLoad, PoolModel, UnusableModel } from "#shared/contracts/pool.ts";
import { errorMessage } from "#shared/errors.ts";
import type { Logger } from "#shared/logging.ts";
import { isReference } from "#shared/models/reference.ts";
import { type FoundModel, type ScanResult, stemOf } from "#shared/models/scan.ts";
import type { Measurement } from "./measurement.ts";

/** Most unusable files that are reported to the orchestrator. */
const MOST_UNUSABLE = 1000;

/** Dependencies of a {@linkcode Catalog}. */
export interface CatalogOptions {
  readonly scan: () => Promise<ScanResult>;
  /** Measured loads by `measurementKey`, newest first. */
  readonly measurements: () => ReadonlyMap<string, readonly Measurement[]>;
  readonly measurementKey: (model: FoundModel) => string;
  /** Memory of a load that names neither context nor slots. */
  readonly describeLoad: (model: FoundModel, measured: readonly Measurement[]) => DefaultLoad;
  /** What the engine says of the model's loads. */
  readonly describeEstimates: (
    model: FoundModel,
  ) => Pick<PoolModel, "engine_figures" | "estimate_problem">;
  /** Called with the models of each scan. */
  readonly onScanned: (models: readonly FoundModel[]) => void;
  /** Whether a copy of the model is in memory. */
  readonly isStaged: (fingerprint: string) => boolean;
  readonly rescanMs: number;
  readonly clock: Clock;
  readonly log: Logger;
  /** Called when the revision has risen. */
  readonly onChange: () => void;
}

/** The models of this host, scanned regularly. */
export class Catalog {
  readonly #options: CatalogOptions;
  #found: readonly FoundModel[] = [];
  #models: readonly PoolModel[] = [];
  /** Problems of the last scan, so that each is logged once and not every few seconds. */
  #problems: ReadonlySet<string> = new Set();
  #unusable: readonly UnusableModel[] = [];
  /** Unusable files at the last revision. */
  #reportedUnusable: readonly UnusableModel[] = [];
  /** Files of the last scan with generated names. */
  #madeNames: ReadonlySet<string> = new Set();
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

  /** Unusable files, as they are reported to the orchestrator. */
  get unusable(): readonly UnusableModel[] {
    return this.#unusable;
  }

  /** Rises whenever {@linkcode models} or {@linkcode unusable} changes; 0 before the first scan. */
  get revision(): number {
    return this.#revision;
  }

  /** Scans now, and again after `rescanMs`; concurrent calls share one scan. */
  rescan(): Promise<void> {
    return this.#scanning ??= this.#scan().finally(() => {
      this.#scanning = undefined;
      this.#cancelTimer();
      if (this.#isClosed) return;
      const { clock, rescanMs } = this.#options;
      this.#cancelTimer = clock.after(rescanMs, () => void this.rescan());
    });
  }

  /** Applies new measurements. */
  refresh(): void {
    const { isStaged, measurementKey, describeLoad, describeEstimates } = this.#options;
    const measurements = this.#options.measurements();
    const models = this.#found.map((model) => {
      const known = measurements.get(measurementKey(model)) ?? [];
      const measured = known.find(({ gpu_layers }) => gpu_layers === (model.gpu_layers ?? null));
      return {
        ...model,
        ...(measured ? { measured: reported(measured) } : {}),
        default_load: describeLoad(model, known),
        ...describeEstimates(model),
        staged: isStaged(model.fingerprint),
      };
    });
    const isSame = JSON.stringify([models, this.#unusable]) ===
      JSON.stringify([this.#models, this.#reportedUnusable]);
    if (this.#revision > 0 && isSame) return;
    this.#models = models;
    this.#reportedUnusable = this.#unusable;
    this.#revision++;
    this.#options.onChange();
  }

  /** Ends the regular scans. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#cancelTimer();
    await this.#scanning;
  }

  /** Logs once the generated name of each file whose own name is not valid. */
  #logMadeNames(): void {
    const made = this.#found.filter(({ path }) => isAbsolute(path) && !isReference(stemOf(path)));
    const logged = this.#madeNames;
    this.#madeNames = new Set(made.map(({ path }) => path));
    for (const { path, aliases } of made) {
      if (!logged.has(path)) this.#options.log.info("model_named", { path, name: aliases.at(-1) });
    }
  }

  async #scan(): Promise<void> {
    const { scan, log } = this.#options;
    try {
      const { models, problems } = await scan();
      this.#found = models;
      this.#unusable = problems.slice(0, MOST_UNUSABLE).map(unusable);
      this.#logMadeNames();
      const logged = this.#problems;
      this.#problems = new Set(problems.map((problem) => `${problem.path}: ${problem.message}`));
      for (const problem of problems) {
        if (!logged.has(`${problem.path}: ${problem.message}`)) log.warn("model_unusable", problem);
      }
    } catch (error) {
      log.error("models_scan_failed", { error: errorMessage(error) });
    }
    this.refresh();
    this.#options.onScanned(this.#found);
  }
}

function unusable({ path, message }: ScanResult["problems"][number]): UnusableModel {
  return {
    name: stemOf(path).slice(0, 256),
    path: path.slice(0, 4096),
    reason: message.slice(0, 1024),
  };
}

/** A measurement as the contract has it, for loads with the configured number of GPU layers. */
function reported(
  { context, slots, memory_bytes }: Measurement,
): NonNullable<PoolModel["measured"]> {
  return { context, slots, memory_bytes };
}
