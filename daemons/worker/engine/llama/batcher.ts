import type { NativeChoice, NativeContext, NativeSampler } from "./native.ts";
import { pack } from "./pack.ts";

/** Tokens of one sequence to evaluate. */
export interface Part {
  readonly sequence: number;
  /** Position of the first of the tokens in the sequence. */
  readonly position: number;
  readonly tokens: readonly number[];
  /** Number of last tokens after which a token is chosen. */
  readonly outputs: number;
  /** Loaded by `nativeLora`; undefined: no adapter. */
  readonly adapter: object | undefined;
}

/** Chooses a token by a row of logits of the last batch. */
export type Sample = (row: number, sampler: NativeSampler, wanted: Wanted) => Promise<NativeChoice>;

/** Probabilities to return with a choice: those of all tokens, or only that of the chosen one. */
export interface Wanted {
  readonly all: boolean;
  readonly own: boolean;
}

/** Options of a {@linkcode Batcher}. */
export interface BatcherOptions {
  readonly native: NativeContext;
  /** Most tokens in one batch. */
  readonly batchSize: number;
  /** Runs a decode with the right number of threads. */
  readonly compute: (decode: () => Promise<void>) => Promise<void>;
}

interface Waiting extends Part {
  /** Chooses tokens by the rows and settles the caller's promise; never rejects. */
  finish(rows: Uint32Array): Promise<void>;
  fail(error: unknown): void;
}

/**
 * Evaluates the parts that several sequences add in the same turn of the event loop as one batch,
 * chooses their tokens in parallel, and begins the next batch when all are chosen.
 */
export class Batcher {
  readonly #options: BatcherOptions;
  #waiting: Waiting[] = [];
  #running: Promise<void> | undefined;
  /** The first choice after a decode. */
  #first: Promise<unknown> | undefined;
  #adapter: object | undefined;

  constructor(options: BatcherOptions) {
    this.#options = options;
  }

  /**
   * Evaluates a part, then runs `choose` with the rows of its outputs.
   *
   * @throws the error of `choose`, or of the evaluation of this part; other parts are not affected
   */
  run<T>(part: Part, choose: (rows: Uint32Array, sample: Sample) => Promise<T>): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    this.#waiting.push({
      ...part,
      finish: (rows) => choose(rows, this.#sample).then(resolve, reject),
      fail: reject,
    });
    this.#running ??= Promise.resolve().then(() => this.#flush());
    return promise;
  }

  /** Runs `work` between two batches. */
  async between<T>(work: () => Promise<T>): Promise<T> {
    while (this.#running) await this.#running;
    const result = work();
    const running: Promise<void> = result.then(() => {}, () => {}).then(() => this.#flush());
    this.#running = running;
    return await result;
  }

  async #flush(): Promise<void> {
    while (this.#waiting.length > 0) {
      const waiting = this.#waiting;
      this.#waiting = [];
      for (const batch of pack(waiting, this.#options.batchSize)) {
        await this.#compute(batch).catch((error) => batch.forEach((part) => part.fail(error)));
      }
    }
    this.#running = undefined;
  }

  async #compute(batch: readonly Waiting[]): Promise<void> {
    let rows: Uint32Array[];
    try {
      rows = await this.#decode(batch);
    } catch (error) {
      return await this.#computeAlone(batch, error);
    }
    await Promise.all(batch.map((part, index) => part.finish(rows[index]!)));
  }

  /** Evaluates each part of a failed batch by itself, so that only the faulty ones fail. */
  async #computeAlone(batch: readonly Waiting[], error: unknown): Promise<void> {
    const { native } = this.#options;
    const isClean = batch.map(({ sequence, position }) =>
      native.removeTokenCellsFromSequence(sequence, position, -1)
    );
    for (const [index, part] of batch.entries()) {
      if (batch.length > 1 && isClean[index]) await this.#compute([part]);
      else part.fail(error);
    }
  }

  async #decode(batch: readonly Waiting[]): Promise<Uint32Array[]> {
    const { native, batchSize, compute } = this.#options;
    this.#use(batch[0]!.adapter);
    this.#first = undefined;
    if (batch.length === 1) await this.#decodeBeginning(batch[0]!);
    native.initBatch(Math.min(batchSize, batch.reduce((sum, part) => sum + part.tokens.length, 0)));
    const rows = batch.map(({ sequence, position, tokens, outputs }) => {
      const rest = tokens.length - beginningOf(tokens, batchSize);
      const own = Uint32Array.from(tokens.slice(-rest));
      const indexes = Uint32Array.from({ length: outputs }, (_, n) => rest - outputs + n);
      return native.addToBatch(sequence, position + tokens.length - rest, own, indexes);
    });
    await compute(() => native.decodeBatch());
    return rows;
  }

  /** Evaluates the beginning of a large part, which does not fit into its last batch. */
  async #decodeBeginning({ sequence, position, tokens }: Waiting): Promise<void> {
    const { native, batchSize, compute } = this.#options;
    const end = beginningOf(tokens, batchSize);
    for (let at = 0; at < end; at += batchSize) {
      native.initBatch(batchSize);
      const piece = Uint32Array.from(tokens.slice(at, at + batchSize));
      native.addToBatch(sequence, position + at, piece, new Uint32Array());
      await compute(() => native.decodeBatch());
    }
  }

  #use(adapter: object | undefined): void {
    if (adapter === this.#adapter) return;
    this.#options.native.setLoras(adapter ? [adapter] : [], adapter ? [1] : []);
    this.#adapter = adapter;
  }

  /**
   * Waits for the first choice after a decode before it begins the others. llama.cpp sorts the rows
   * of its logits at the first access, which is not safe in several threads at once: a sequence
   * could get another's token.
   */
  readonly #sample: Sample = (row, sampler, { all, own }) => {
    const start = () => this.#options.native.sampleToken(row, sampler, all, own);
    if (this.#first) return this.#first.then(start, start);
    const first = start();
    this.#first = first;
    return first;
  };
}

/** Number of tokens of a part that go into batches before its last one. */
function beginningOf(tokens: readonly number[], batchSize: number): number {
  return Math.floor((tokens.length - 1) / batchSize) * batchSize;
}
