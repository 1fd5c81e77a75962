import { LlorchError } from "#shared/errors.ts";
import type { FileStore, ListedFile, NewFile } from "../../store/file_store.ts";

/** Bytes of a part. */
const PART_BYTES = 256 * 1024;

/** Writes a file in parts; nobody sees it before it is finished. */
export class FileWriter {
  readonly #files: FileStore;
  readonly #id: string;
  #part = new Uint8Array(PART_BYTES);
  #filled = 0;
  #lines = 0;

  private constructor(files: FileStore, id: string) {
    this.#files = files;
    this.#id = id;
  }

  /** @throws {LlorchError} `NOT_READY` if the store cannot be written */
  static async begin(files: FileStore, file: NewFile): Promise<FileWriter> {
    await files.begin(file);
    return new FileWriter(files, file.id);
  }

  /** @throws {LlorchError} `NOT_READY` if the store cannot be written */
  async write(data: Uint8Array): Promise<void> {
    for (let at = 0; at < data.length;) {
      const piece = data.subarray(at, at + PART_BYTES - this.#filled);
      this.#part.set(piece, this.#filled);
      this.#filled += piece.length;
      at += piece.length;
      if (this.#filled === PART_BYTES) await this.#flush();
    }
  }

  /** Counts lines that were written and are not blank. */
  countLines(lines: number): void {
    this.#lines += lines;
  }

  /** Bytes that are not in the store yet. */
  get unwritten(): number {
    return this.#filled;
  }

  /**
   * Makes the file appear.
   *
   * @param expiresAt When it is erased, however often it is used, in ms since the epoch.
   * @throws {LlorchError} `NOT_READY` if the store cannot be written; `NOT_FOUND` if the file was removed
   * while it was written
   */
  async finish(expiresAt?: number): Promise<ListedFile> {
    await this.#flush();
    const isFinished = await this.#files.finish(this.#id, { lines: this.#lines, expiresAt });
    const file = isFinished ? await this.#files.get(this.#id) : undefined;
    if (!file) throw new LlorchError("NOT_FOUND", "The file was removed while it was written");
    return file;
  }

  /** Leaves nothing of the file; waits while the store cannot be written. */
  async abandon(): Promise<void> {
    await this.#files.remove(this.#id);
  }

  async #flush(): Promise<void> {
    if (this.#filled === 0) return;
    await this.#files.append(this.#id, this.#part.subarray(0, this.#filled));
    this.#part = new Uint8Array(PART_BYTES);
    this.#filled = 0;
  }
}
