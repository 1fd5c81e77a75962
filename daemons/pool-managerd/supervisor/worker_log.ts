/** Lines kept in memory, for the last word of a worker that died. */
const KEPT_LINES = 100;
/** Longest line that is kept or passed on, in characters. */
const MAX_LINE = 2_000;
/** Most that one look reads; a worker that writes faster loses lines, not the pool its memory. */
const MAX_READ_BYTES = 256 * 1024;
/**
 * A file that has been read up to this size is emptied once its worker is quiet: workers append, so they
 * do not notice. Its lines are in our own log by then.
 */
const MAX_READ_FILE_BYTES = 64 * 1024;
/** It is emptied at this size though its worker writes on, which may cost a line. */
const MAX_FILE_BYTES = 8 * 1024 * 1024;

/**
 * A worker's output. The worker writes to a file of its own, not to a pipe: when we are killed it
 * goes on without SIGPIPE, without blocking on a pipe that nobody reads, and without losing a line.
 *
 * The file hands lines over and is no store: who is given each line keeps them. What stays in it is what
 * nobody has read yet, and a tail for the next pool manager.
 */
export class WorkerLog {
  readonly #path: string;
  #onLine: (line: string) => void;
  readonly #lines: string[] = [];
  #offset: number;
  #decoder = new TextDecoder();
  #rest = "";

  /**
   * @param onLine Gets each line that nobody has read yet.
   * @param wasRead An earlier pool manager has read what stands there: it is kept and not passed on.
   */
  constructor(path: string, onLine: (line: string) => void, wasRead: boolean) {
    this.#path = path;
    this.#onLine = wasRead ? () => {} : onLine;
    this.#offset = wasRead ? Math.max(0, sizeOf(path) - MAX_READ_BYTES) : 0;
    this.look();
    this.#onLine = onLine;
  }

  /** Ends the last line, as the end of its process does. */
  finish(): void {
    this.look();
    if (this.#rest !== "") this.#take(this.#rest);
    this.#rest = "";
  }

  /** The last lines, oldest first. */
  get lines(): readonly string[] {
    return this.#rest === "" ? this.#lines : [...this.#lines, this.#rest];
  }

  /** Reads what was written since the last look. */
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

  /** Empties what has been read to its end, unless a line came in between. */
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
