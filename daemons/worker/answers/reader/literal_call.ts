import type { LiteralForm } from "../../chat/syntax.ts";
import { MarkScanner, readUntil } from "./mark_scanner.ts";
import type { CallContext } from "./call_sink.ts";
import { readHeader } from "./header.ts";
import { type Emit, escaped, readString } from "./json_text.ts";
import { jsonOf, propertySchema, valueTypes } from "../../chat/value_types.ts";
import { more, type Reading, skipSpace, type Source, takeMark } from "./source.ts";

/** Brackets: what closes each, and how JSON writes it. A tuple is an array. */
const BRACKETS: Readonly<Record<string, { readonly closing: string; readonly json: string }>> = {
  "(": { closing: ")", json: "[]" },
  "[": { closing: "]", json: "[]" },
  "{": { closing: "}", json: "{}" },
};
const ANY: ReadonlySet<string> = new Set();

/** Reads a call such as `f(a=1, b="x")`; false if no function is named. */
export function* readLiteralCall(context: CallContext<LiteralForm>): Reading<boolean> {
  const { form, source, offered, sink, closes } = context;
  const ends = [form.open, ...closes];
  const name = yield* readHeader(context, { ends });
  if (name === undefined) return false;
  sink.begin(name);
  if (!(yield* takeMark(source, [form.open]))) {
    sink.arguments("{}");
    return true;
  }
  const schema = offered.get(name);
  yield* new LiteralReader(source, form, schema, (text) => sink.arguments(text)).read();
  return true;
}

/** Reads literals as JSON text. Nesting is a list, so that depth costs nothing. */
class LiteralReader {
  readonly #source: Source;
  readonly #form: LiteralForm;
  readonly #schema: unknown;
  readonly #emit: Emit;
  readonly #quotes: readonly string[];
  readonly #open: { readonly closing: string; readonly json: string }[];
  #needsComma = false;
  #key = "";

  constructor(source: Source, form: LiteralForm, schema: unknown, emit: Emit) {
    this.#source = source;
    this.#form = form;
    this.#schema = schema;
    this.#emit = emit;
    this.#quotes = form.quote === "" ? ['"', "'"] : [form.quote, '"'];
    this.#open = [{ closing: BRACKETS[form.open]!.closing, json: "{}" }];
  }

  *read(): Reading {
    this.#emit("{");
    for (;;) {
      yield* skipSpace(this.#source);
      if (!(yield* more(this.#source))) return;
      const { char } = this.#source;
      const { closing, json } = this.#open.at(-1)!;
      // A bracket that closes nothing is left out.
      if (char !== closing && /[,)}\]]/.test(char)) this.#source.take();
      else if (char === closing) {
        this.#source.take();
        this.#open.pop();
        this.#emit(json.charAt(1));
        this.#needsComma = true;
        if (this.#open.length === 0) return;
      } else {
        if (json === "{}") {
          if (!(yield* this.#readKey())) return;
        } else this.#separate();
        if (!(yield* this.#readValue())) return;
      }
    }
  }

  /** Reads a key and what separates it from its value. */
  *#readKey(): Reading<boolean> {
    let key = "";
    const quote = yield* takeMark(this.#source, this.#quotes);
    if (quote !== undefined) yield* this.#string(quote, (text) => key += text);
    const separators = [this.#form.separator, ":", "="];
    while (!(yield* takeMark(this.#source, separators))) {
      if (!(yield* more(this.#source))) return false;
      const char = this.#source.take();
      if (quote === undefined) key += char;
    }
    this.#key = key.trim();
    this.#separate();
    this.#emit(`${JSON.stringify(this.#key)}: `);
    yield* skipSpace(this.#source);
    return yield* more(this.#source);
  }

  #separate(): void {
    if (this.#needsComma) this.#emit(", ");
    this.#needsComma = false;
  }

  /** Reads a value or the bracket that begins one; false if it does not come to its end. */
  *#readValue(): Reading<boolean> {
    const quote = yield* takeMark(this.#source, this.#quotes);
    if (quote !== undefined) {
      this.#emit('"');
      const isWhole = yield* this.#string(quote, (text) => this.#emit(escaped(text)));
      if (isWhole) this.#emit('"');
      this.#needsComma = true;
      return isWhole;
    }
    const bracket = BRACKETS[this.#source.char];
    if (bracket !== undefined) {
      this.#source.take();
      this.#open.push(bracket);
      this.#emit(bracket.json.charAt(0));
      this.#needsComma = false;
      return true;
    }
    yield* this.#word();
    this.#needsComma = true;
    return true;
  }

  /** Reads a value without quotes. */
  *#word(): Reading {
    let word = "";
    while (yield* more(this.#source)) {
      if (/[,)}\]\n]/.test(this.#source.char)) {
        const types = this.#open.length > 1 ? ANY : this.#types();
        const text = word.trim();
        const known = { True: "true", False: "false", None: "null" }[text];
        this.#emit(known ?? jsonOf(text, types));
        return;
      }
      word += this.#source.take();
    }
    // Cut off: a number may go on.
    if (/^-?\d/.test(word)) this.#emit(word);
  }

  #types(): ReadonlySet<string> {
    return valueTypes(propertySchema(this.#schema, this.#key), this.#schema);
  }

  /** Reads a string after its first quote; false if it does not come to its end. */
  *#string(quote: string, emit: Emit): Reading<boolean> {
    if (quote !== this.#form.quote) {
      return yield* readString(this.#source, quote, emit);
    }
    const mark = yield* readUntil(this.#source, new MarkScanner([quote]), emit);
    return mark !== undefined;
  }
}
