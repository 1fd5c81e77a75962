/** A reader of text that arrives in pieces: it yields wherever it needs more. */
export type Reading<T = void> = Generator<undefined, T, undefined>;

/** Counts the characters that readers look at, so that a test can check that work is linear. */
export interface Steps {
  count: number;
}

/** Text that arrives in pieces. */
export class Source {
  readonly steps: Steps;
  #text = "";
  #at = 0;
  #ended = false;
  #arrived = 0;

  constructor(steps: Steps = { count: 0 }) {
    this.steps = steps;
  }

  push(text: string): void {
    this.#text = this.isEmpty ? text : this.#text.slice(this.#at) + text;
    this.#at = 0;
    this.#arrived += text.length;
  }

  /** Nothing follows. */
  end(): void {
    this.#ended = true;
  }

  get isEmpty(): boolean {
    return this.#at >= this.#text.length;
  }

  get hasEnded(): boolean {
    return this.#ended;
  }

  /** How many characters were read. */
  get offset(): number {
    return this.#arrived - (this.#text.length - this.#at);
  }

  /** The next character; empty if it has not arrived. */
  get char(): string {
    return this.#text.charAt(this.#at);
  }

  nextIs(char: string): boolean {
    return this.char === char;
  }

  /** At most this many of the next characters, without reading them. */
  peek(count: number): string {
    return this.#text.slice(this.#at, this.#at + count);
  }

  take(count = 1): string {
    const text = this.peek(count);
    this.#at += text.length;
    this.steps.count += text.length;
    return text;
  }

  takeAll(): string {
    const text = this.#text.slice(this.#at);
    this.#at = this.#text.length;
    return text;
  }

  /** Puts text back that was read last. */
  unread(text: string): void {
    this.#text = this.isEmpty ? text : text + this.#text.slice(this.#at);
    this.#at = 0;
  }
}

export function isSpace(char: string): boolean {
  return char === " " || char === "\n" || char === "\t" || char === "\r";
}

/** Waits for a character; false at the end. */
export function* more(source: Source): Reading<boolean> {
  while (source.isEmpty) {
    if (source.hasEnded) return false;
    yield;
  }
  return true;
}

export function* skipSpace(source: Source): Reading {
  while (yield* more(source)) {
    if (!isSpace(source.char)) return;
    source.take();
  }
}

/** The longest of some marks that comes next, without reading it. It waits until that is sure. */
export function* nextMark(
  source: Source,
  marks: readonly string[],
): Reading<string | undefined> {
  const longest = Math.max(0, ...marks.map((mark) => mark.length));
  for (;;) {
    const text = source.peek(longest);
    source.steps.count++;
    const mayGrow = marks.some((mark) => mark.length > text.length && mark.startsWith(text));
    if (!mayGrow || source.hasEnded) {
      const found = marks.filter((mark) => mark !== "" && text.startsWith(mark));
      return found.reduce<string | undefined>(
        (best, mark) => mark.length > (best?.length ?? 0) ? mark : best,
        undefined,
      );
    }
    yield;
  }
}

/** Whether the text ended with what may be half of one of some marks. */
export function endsInMark(source: Source, marks: readonly string[]): boolean {
  if (!source.hasEnded || source.isEmpty) return false;
  return marks.some((mark) => {
    const rest = source.peek(mark.length);
    return rest.length < mark.length && mark.startsWith(rest);
  });
}

/** Reads one of some marks, if it comes next. */
export function* takeMark(source: Source, marks: readonly string[]): Reading<string | undefined> {
  const mark = yield* nextMark(source, marks);
  if (mark !== undefined) source.take(mark.length);
  return mark;
}
