import { Buffer } from "node:buffer";
import type { Hash } from "node:crypto";

/** Bytes read from the file at a time. */
const CHUNK = 256 * 1024;

/** Reads little-endian values from the start of a file in bounded memory, and hashes all of it. */
export class ByteReader {
  readonly #file: Deno.FsFile;
  readonly #hash: Hash;
  readonly #limit: number;
  readonly #fail: (reason: string) => never;
  readonly #buffer = Buffer.alloc(CHUNK);
  #start = 0;
  #end = 0;
  #passed = 0;

  /**
   * @param limit number of bytes from the start of the file that may be read
   * @param fail throws the caller's error for a file that ends early
   */
  constructor(file: Deno.FsFile, hash: Hash, limit: number, fail: (reason: string) => never) {
    this.#file = file;
    this.#hash = hash;
    this.#limit = limit;
    this.#fail = fail;
  }

  /** Offset of the next byte. */
  get position(): number {
    return this.#passed + this.#start;
  }

  /** Bytes that may still be read. */
  get remaining(): number {
    return this.#limit - this.position;
  }

  async u8(): Promise<number> {
    return this.#buffer.readUInt8(await this.#take(1));
  }

  async i8(): Promise<number> {
    return this.#buffer.readInt8(await this.#take(1));
  }

  async u16(): Promise<number> {
    return this.#buffer.readUInt16LE(await this.#take(2));
  }

  async i16(): Promise<number> {
    return this.#buffer.readInt16LE(await this.#take(2));
  }

  async u32(): Promise<number> {
    return this.#buffer.readUInt32LE(await this.#take(4));
  }

  async i32(): Promise<number> {
    return this.#buffer.readInt32LE(await this.#take(4));
  }

  async f32(): Promise<number> {
    return this.#buffer.readFloatLE(await this.#take(4));
  }

  async f64(): Promise<number> {
    return this.#buffer.readDoubleLE(await this.#take(8));
  }

  /** A 64-bit number; beyond 2^53 it is rounded, but every limit refuses such a number. */
  async u64(): Promise<number> {
    return Number(this.#buffer.readBigUInt64LE(await this.#take(8)));
  }

  async i64(): Promise<number> {
    return Number(this.#buffer.readBigInt64LE(await this.#take(8)));
  }

  /** UTF-8 text of at most {@linkcode CHUNK} bytes. */
  async text(bytes: number): Promise<string> {
    const at = await this.#take(bytes);
    return this.#buffer.toString("utf8", at, at + bytes);
  }

  async skip(bytes: number): Promise<void> {
    this.#check(bytes);
    for (let left = bytes; left > 0;) {
      const step = Math.min(left, CHUNK);
      await this.#take(step);
      left -= step;
    }
  }

  /** Skips texts, each after its 64-bit length; a vocabulary has hundreds of thousands of them. */
  async skipTexts(count: number): Promise<void> {
    for (let index = 0; index < count; index++) {
      const at = this.#start;
      const next = this.#end - at < 8 ? Infinity : at + 8 + this.#buffer.readUInt32LE(at);
      // No await for those that are in the buffer already: it would take ten times as long.
      if (next <= this.#end && this.#buffer.readUInt32LE(at + 4) === 0) this.#start = next;
      else await this.skip(await this.u64());
    }
  }

  /** Hashes the bytes read since the buffer was last filled; called once, at the end. */
  finish(): void {
    this.#hash.update(this.#buffer.subarray(0, this.#start));
  }

  /** Makes `bytes` bytes available; returns their position in the buffer. */
  async #take(bytes: number): Promise<number> {
    if (this.#end - this.#start < bytes) {
      this.#check(bytes);
      await this.#fill(bytes);
    }
    const at = this.#start;
    this.#start += bytes;
    return at;
  }

  #check(bytes: number): void {
    if (!(bytes <= this.remaining)) {
      this.#fail("it is truncated or corrupt: its header goes on past the end");
    }
  }

  async #fill(bytes: number): Promise<void> {
    this.#hash.update(this.#buffer.subarray(0, this.#start));
    this.#buffer.copyWithin(0, this.#start, this.#end);
    this.#passed += this.#start;
    this.#end -= this.#start;
    this.#start = 0;
    while (this.#end < bytes) {
      const count = await this.#file.read(this.#buffer.subarray(this.#end));
      if (count === null) this.#fail("it is truncated: it became shorter while it was read");
      this.#end += count;
    }
  }
}
