/** Where control tokens stand in a text that is read from its beginning on. */
export class ControlSpans {
  #spans: { readonly from: number; readonly to: number }[] = [];

  add(from: number, to: number): void {
    this.#spans.push({ from, to });
  }

  /** Whether a control token begins here or goes on. Offsets must not go back. */
  has(offset: number): boolean {
    this.#forget(offset);
    const [first] = this.#spans;
    return first !== undefined && first.from <= offset;
  }

  /** Emits the parts of a text that begins at an offset, without the control tokens in it. */
  split(text: string, offset: number, emit: (text: string, offset: number) => void): void {
    this.#forget(offset);
    let at = 0;
    for (const { from, to } of this.#spans) {
      if (from >= offset + text.length) break;
      if (from > offset + at) emit(text.slice(at, from - offset), offset + at);
      at = Math.max(at, to - offset);
    }
    if (at < text.length) emit(text.slice(at), offset + at);
  }

  #forget(offset: number): void {
    const { length } = this.#spans;
    let gone = 0;
    while (gone < length && this.#spans[gone]!.to <= offset) gone++;
    if (gone > 0) this.#spans = this.#spans.slice(gone);
  }
}
