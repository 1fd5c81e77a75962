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

  /** A text that begins at an offset, without the control tokens in it. */
  without(text: string, offset: number): string {
    this.#forget(offset);
    let rest = "";
    let at = 0;
    for (const { from, to } of this.#spans) {
      if (from >= offset + text.length) break;
      rest += text.slice(at, Math.max(at, from - offset));
      at = Math.max(at, to - offset);
    }
    return rest + text.slice(at);
  }

  #forget(offset: number): void {
    const { length } = this.#spans;
    let gone = 0;
    while (gone < length && this.#spans[gone]!.to <= offset) gone++;
    if (gone > 0) this.#spans = this.#spans.slice(gone);
  }
}
