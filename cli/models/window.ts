/** A piece of the file that one connection fills. */
export interface Segment {
  /** Offset in the file. */
  readonly start: number;
  readonly length: number;
  readonly buffer: Uint8Array;
  /** Bytes that were received. */
  filled: number;
  /** Bytes that were handed on. */
  taken: number;
}

/**
 * The segments that are being received and not written yet. Several connections fill them in any
 * order, and their bytes are taken in the file's order. So the file on disk never has a gap, its
 * hash is computed as it grows, and memory is bounded.
 */
export class Window {
  readonly #segments: Segment[] = [];
  readonly #free: Uint8Array[] = [];
  readonly #size: number;
  readonly #segmentBytes: number;
  readonly #maxSegments: number;
  #next: number;
  #changed = Promise.withResolvers<void>();

  /**
   * @param from offset of the first byte that is missing
   * @param size of the whole file
   */
  constructor(from: number, size: number, segmentBytes: number, maxSegments: number) {
    this.#next = from;
    this.#size = size;
    this.#segmentBytes = segmentBytes;
    this.#maxSegments = maxSegments;
  }

  /** The next segment to fill; undefined when none is left, `"full"` at the limit of memory. */
  give(): Segment | undefined | "full" {
    if (this.#next >= this.#size) return undefined;
    if (this.#segments.length >= this.#maxSegments) return "full";
    const length = Math.min(this.#segmentBytes, this.#size - this.#next);
    const buffer = this.#free.pop() ?? new Uint8Array(this.#segmentBytes);
    const segment = { start: this.#next, length, buffer, filled: 0, taken: 0 };
    this.#next += length;
    this.#segments.push(segment);
    return segment;
  }

  /**
   * Bytes that come next in the file, at least `min` of them unless they end their segment;
   * undefined when there are fewer. They belong to the caller until {@linkcode release}.
   */
  take(min: number): Uint8Array | undefined {
    const head = this.#segments[0];
    if (head === undefined) return undefined;
    const isWhole = head.filled === head.length;
    if (head.filled - head.taken < (isWhole ? 1 : min)) return undefined;
    return head.buffer.subarray(head.taken, head.filled);
  }

  /** Call when bytes that were taken are no longer used. */
  release(bytes: number): void {
    const head = this.#segments[0]!;
    head.taken += bytes;
    if (head.taken < head.length) return;
    this.#segments.shift();
    this.#free.push(head.buffer);
    this.wake();
  }

  /** Whether every byte was given out, filled and taken. */
  get isDone(): boolean {
    return this.#next >= this.#size && this.#segments.length === 0;
  }

  /** Resolves at the next {@linkcode wake}. */
  changed(): Promise<void> {
    return this.#changed.promise;
  }

  wake(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
}
