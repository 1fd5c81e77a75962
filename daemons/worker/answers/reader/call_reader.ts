import type { CallForm, CallSyntax } from "../../chat/syntax.ts";
import type { CallContext, CallSink } from "./call_sink.ts";
import { readJsonCall } from "./json_call.ts";
import { readLiteralCall } from "./literal_call.ts";
import { readNamedCall } from "./named_call.ts";
import type { Offered } from "../../chat/value_types.ts";
import { isSpace, more, nextMark, type Reading, Source, type Steps } from "./source.ts";
import { readTaggedCall } from "./tagged_call.ts";

/** Options of {@linkcode CallReader}. */
export interface CallReaderOptions {
  readonly offered: Offered;
  /** Whether the answer ends after the first call. */
  readonly isSingle: boolean;
  readonly sink: CallSink;
  readonly steps: Steps;
}

/** What stands between calls beside marks. */
const BETWEEN: readonly string[] = ["[", "]", ",", ";", "```json", "```"];

/**
 * Reads calls from the first mark on. As long as it is undecided, the text may turn out to be no
 * call; then nothing was given to the sink.
 *
 * A call of a function that was not offered is left out where a mark tells that it is one: no client
 * could answer it.
 */
export class CallReader {
  readonly #syntax: CallSyntax;
  readonly #options: CallReaderOptions;
  readonly #source: Source;
  readonly #reading: Reading;
  /** Marks that may stand before, between and after calls. */
  readonly #between: readonly string[];
  #state: "undecided" | "call" | "between" | "over" | "failed" = "undecided";
  /** Where the call begins that is read; undefined between calls. */
  #start: number | undefined = 0;
  /** Whether the call that is read is left out. */
  #isLeftOut = false;
  #hasCalls = false;
  #length = 0;

  constructor(syntax: CallSyntax, options: CallReaderOptions) {
    this.#syntax = syntax;
    this.#options = options;
    this.#source = new Source(options.steps);
    const { opens, closes, before, form } = syntax;
    const marks = [...opens.filter((mark) => mark !== before), ...closes];
    const isJson = form.kind === "json" || before === "";
    this.#between = isJson ? [...marks, ...BETWEEN] : marks;
    this.#reading = this.#read();
  }

  /**
   * - `undecided`: no call is sure yet
   * - `call`: in a call
   * - `between`: after a whole call
   * - `over`: after the last call
   * - `failed`: the text is no call
   */
  get state(): "undecided" | "call" | "between" | "over" | "failed" {
    return this.#state;
  }

  /**
   * How many characters came before the call that is read, or before the first mark of the next one.
   * Undefined between calls.
   */
  get start(): number | undefined {
    const isNone = this.#state === "over" || this.#state === "failed" || this.#isLeftOut;
    return isNone ? undefined : this.#start;
  }

  /** Whether the sink was given a call. */
  get hasCalls(): boolean {
    return this.#hasCalls;
  }

  /** How many characters the calls take with their marks; what follows is none. */
  get length(): number {
    return this.#length;
  }

  push(text: string): void {
    this.#source.push(text);
    this.#reading.next();
  }

  end(): void {
    this.#source.end();
    this.#reading.next();
  }

  /** Takes what was not read, after the end of the calls. */
  takeRest(): string {
    return this.#source.takeAll();
  }

  *#read(): Reading {
    for (let count = 0; yield* this.#nextCall(); count++) {
      this.#length = this.#source.offset;
      if (!(yield* this.#call())) {
        this.#state = count === 0 ? "failed" : "over";
        return;
      }
      this.#length = this.#source.offset;
      if (this.#source.hasEnded && this.#source.isEmpty) return;
      this.#state = "between";
      this.#start = undefined;
      const wasLeftOut = this.#isLeftOut;
      this.#isLeftOut = false;
      if (wasLeftOut || !this.#options.isSingle) continue;
      this.#state = "over";
      return;
    }
    this.#length = this.#source.offset;
    if (this.#state === "undecided") this.#state = "failed";
    else if (!this.#source.isEmpty) this.#state = "over";
  }

  /** Goes to the beginning of the next call; false if something else follows. */
  *#nextCall(): Reading<boolean> {
    const { before, form, opens } = this.#syntax;
    const marks = before === "" ? this.#between : [...this.#between, before];
    while (yield* more(this.#source)) {
      if (isSpace(this.#source.char)) {
        this.#source.take();
        continue;
      }
      const mark = yield* nextMark(this.#source, marks);
      const isCall = mark === undefined &&
        (form.kind === "json" ? this.#source.nextIs("{") : before === "");
      if (isCall || mark === before || opens.includes(mark ?? "")) {
        this.#start ??= this.#source.offset;
      }
      if (mark !== undefined) this.#source.take(mark.length);
      if (mark === before && before !== "") return true;
      if (mark !== undefined) continue;
      return isCall;
    }
    return false;
  }

  *#call(): Reading<boolean> {
    const { form, opens, closes, before } = this.#syntax;
    const { offered, sink } = this.#options;
    const context = {
      source: this.#source,
      offered,
      takesOthers: before !== "" || opens.length > 0,
      closes: [...closes, ...opens],
      sink: {
        begin: (name: string) => {
          this.#state = "call";
          this.#isLeftOut = !offered.has(name);
          if (this.#isLeftOut) return;
          this.#hasCalls = true;
          sink.begin(name);
        },
        arguments: (text: string) => {
          if (!this.#isLeftOut) sink.arguments(text);
        },
      },
    };
    return yield* readCall(context, form);
  }
}

function readCall(context: Omit<CallContext, "form">, form: CallForm): Reading<boolean> {
  switch (form.kind) {
    case "json":
      return readJsonCall({ ...context, form });
    case "named":
      return readNamedCall({ ...context, form });
    case "tagged":
      return readTaggedCall({ ...context, form });
    case "literal":
      return readLiteralCall({ ...context, form });
  }
}
