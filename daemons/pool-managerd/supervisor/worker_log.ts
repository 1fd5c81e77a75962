/** Lines kept in memory, for the exit of a worker. */
const KEPT_LINES = 100;
/** Longest line, in characters. */
const MAX_LINE = 2_000;
/** Most bytes of one read: a worker that writes faster loses lines, and memory stays bounded. */
const MAX_READ_BYTES = 256 * 1024;
/**
 * A read file of this size is emptied once its worker is quiet. Workers append, so they do not
 * notice; its lines are in our own log by then.
 */
const MAX_READ_FILE_BYTES = 64 * 1024;
/** At this size the file is emptied even if its worker is writing, which may lose a line. */
const MAX_FILE_BYTES = 8 * 1024 * 1024;

/**
 * A worker's output. The worker writes to a file, not to a pipe: if we are killed, it goes on
 * without SIGPIPE, without blocking on a full pipe, and without losing a line.
 *
 * The file only passes lines on to our log. It keeps the lines that are not read yet, and a tail
 * for the next pool manager.
 */
export class WorkerLog {
  readonly #path: string;
  #onLine: (line: string) => void;
  readonly #lines: string[] = [];
  #offset: number;
  #decoder = new TextDecoder();
  #rest = "";

  /**
   * @param onLine Called with each new line.
   * @param wasRead An earlier pool manager has read the lines that are there: they are kept, and
   * `onLine` is not called for them.
   */
  constructor(path: string, onLine: (line: string) => void, wasRead: boolean) {
    this.#path = path;
    this.#onLine = wasRead ? () => {} : onLine;
    this.#offset = wasRead ? Math.max(0, sizeOf(path) - MAX_READ_BYTES) : 0;
    this.look();
    this.#onLine = onLine;
  }

  /** Completes the last line, because its process has ended. */
  finish(): void {
    this.look();
    if (this.#rest !== "") this.#take(this.#rest);
    this.#rest = "";
  }

  /** The last lines, oldest first. */
  get lines(): readonly string[] {
    return this.#rest === "" ? this.#lines : [...this.#lines, this.#rest];
  }

  /** Reads what was written since the last read. */
  look(): void {
    const size = sizeOf(this.#path);
    if (size < this.#offset) this.#offset = 0;
    if (size === this.#offset) {
      if (size > MAX_READ_FILE_BYTES) this.#empty();
      return;
    }
    if (size - this.#offset > MAX_READ_BYTES) {
      this.#take(`… ${size - this.#offset - MAX_READ_BYTES} bytes of log left out`);
      this.#rest = "";
      this.#offset = size - MAX_READ_BYTES;
    }
    using file = Deno.openSync(this.#path, { read: true, write: true });
    file.seekSync(this.#offset, Deno.SeekMode.Start);
    const chunk = new Uint8Array(size - this.#offset);
    const read = file.readSync(chunk) ?? 0;
    this.#offset += read;
    this.#decode(chunk.subarray(0, read));
    if (this.#offset > MAX_FILE_BYTES) {
      file.truncateSync(0);
      this.#offset = 0;
    }
  }

  /** Empties the file if all of it was read and no line came meanwhile. */
  #empty(): void {
    using file = Deno.openSync(this.#path, { write: true });
    if (file.statSync().size !== this.#offset) return;
    file.truncateSync(0);
    this.#offset = 0;
  }

  #decode(chunk: Uint8Array): void {
    const parts = (this.#rest + this.#decoder.decode(chunk, { stream: true })).split("\n");
    this.#rest = (parts.pop() ?? "").slice(0, MAX_LINE);
    parts.forEach((line) => this.#take(line.slice(0, MAX_LINE)));
  }

  #take(line: string): void {
    this.#lines.push(line);
    if (this.#lines.length > KEPT_LINES) this.#lines.shift();
    this.#onLine(line);
  }
}

function sizeOf(path: string): number {
  try {
    return Deno.statSync(path).size;
  } catch {
    return 0;
  }
}
