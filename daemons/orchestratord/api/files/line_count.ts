const LINE_END = 0x0a;

/** Spaces, tabs and carriage returns. */
const BLANK = new Set([0x20, 0x09, 0x0d]);

/** Counts the lines of a text that arrives in pieces, and their bytes. */
export class LineCount {
  #lines = 0;
  #longest = 0;
  #length = 0;
  #isBlank = true;

  take(data: Uint8Array): void {
    for (let at = 0; at < data.length;) {
      const next = data.indexOf(LINE_END, at);
      const end = next < 0 ? data.length : next;
      this.#length += end - at;
      this.#longest = Math.max(this.#longest, this.#length);
      if (this.#isBlank && !data.subarray(at, end).every((byte) => BLANK.has(byte))) {
        this.#isBlank = false;
        this.#lines++;
      }
      if (next >= 0) {
        this.#length = 0;
        this.#isBlank = true;
      }
      at = end + 1;
    }
  }

  /** Lines that are not blank, so far. */
  get lines(): number {
    return this.#lines;
  }

  /** Bytes of the longest line so far, without its end. */
  get longest(): number {
    return this.#longest;
  }
}
