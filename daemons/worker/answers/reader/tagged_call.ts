import type { TaggedForm } from "../../chat/syntax.ts";
import { MarkScanner, readUntil } from "./mark_scanner.ts";
import type { CallContext } from "./call_sink.ts";
import { readHeader } from "./header.ts";
import { nestedJson } from "./nested_tags.ts";
import { jsonOf, propertySchema, valueTypes } from "../../chat/value_types.ts";
import { isString } from "../../chat/value_types.ts";
import { endsInMark, more, nextMark, type Reading, skipSpace, takeMark } from "./source.ts";
import { HeldValue, StringValue, type ValueWriter } from "./tagged_value.ts";

const CDATA = { open: "<![CDATA[", close: "]]>" };
const MAX_KEY = 1024;

/** Reads a call whose arguments stand between marks; false if no function is named. */
export function* readTaggedCall(context: CallContext<TaggedForm>): Reading<boolean> {
  const { form, source, offered, closes } = context;
  const ends = [form.nameEnd, form.key, "\n", ...closes].filter((end) => end !== "");
  const name = yield* readHeader(context, { ends });
  if (name === undefined) return false;
  context.sink.begin(name);
  if (form.nameEnd !== "") yield* takeMark(source, [form.nameEnd]);
  yield* new TaggedArguments(context, offered.get(name)).read();
  return true;
}

class TaggedArguments {
  readonly #context: CallContext<TaggedForm>;
  readonly #schema: unknown;

  constructor(context: CallContext<TaggedForm>, schema: unknown) {
    this.#context = context;
    this.#schema = schema;
  }

  *read(): Reading {
    const { form, source, sink, closes } = this.#context;
    sink.arguments("{");
    for (let count = 0;; count++) {
      const mark = yield* this.#skipTo([form.key, ...closes]);
      if (mark === undefined) return;
      if (mark !== form.key) break;
      source.take(mark.length);
      const found = yield* this.#key();
      if (found === undefined) return;
      sink.arguments(`${count > 0 ? ", " : ""}${JSON.stringify(found.key)}: `);
      if (!(yield* this.#value(found.key, found.isString))) return;
    }
    sink.arguments("}");
  }

  /** Skips what stands between arguments, up to a mark that is not read. */
  *#skipTo(marks: readonly string[]): Reading<string | undefined> {
    const { source } = this.#context;
    while (yield* more(source)) {
      const mark = yield* nextMark(source, marks);
      if (mark !== undefined) return mark;
      source.take();
    }
    return undefined;
  }

  /** Reads a key and all up to its value. */
  *#key(): Reading<{ key: string; isString: boolean } | undefined> {
    const { form, source } = this.#context;
    let key = "";
    let hint = "";
    for (const [index, mark] of form.keyEnds.entries()) {
      let text = "";
      while (!(yield* takeMark(source, [mark]))) {
        if (!(yield* more(source)) || text.length > MAX_KEY) return undefined;
        text += source.take();
      }
      if (index === 0) key = text.trim();
      else hint += text;
    }
    return { key, isString: form.stringHint !== undefined && hint.trim() === form.stringHint };
  }

  /** Reads a value and the mark after it; false if that does not come. */
  *#value(key: string, isSaidString: boolean): Reading<boolean> {
    const { form, source, sink } = this.#context;
    const schema = propertySchema(this.#schema, key);
    const types = valueTypes(schema, this.#schema);
    const emit = (text: string) => sink.arguments(text);
    const close = form.keyInClose === undefined ? form.close : form.close + key + form.keyInClose;
    const closes = [close];
    const writer: ValueWriter = isString(types) || isSaidString && types.size === 0
      ? new StringValue(form.lines, emit)
      : new HeldValue(form.lines, (text) => {
        const nested = form.keyInClose === undefined || types.has("string")
          ? undefined
          : nestedJson(text, form, schema, this.#schema);
        emit(nested ?? jsonOf(text, types));
      });
    if (yield* nextMark(source, [CDATA.open])) {
      source.take(CDATA.open.length);
      closes[0] = CDATA.close;
    } else if (endsInMark(source, [CDATA.open])) return false;
    const mark = yield* readUntil(source, new MarkScanner(closes), (text) => writer.push(text));
    if (mark === undefined) {
      writer.cut();
      return false;
    }
    writer.end();
    if (mark === CDATA.close) {
      yield* skipSpace(source);
      yield* takeMark(source, [close]);
    }
    return true;
  }
}
