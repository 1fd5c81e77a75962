import type { JsonForm } from "../../chat/syntax.ts";
import type { CallContext } from "./call_sink.ts";
import { copyJson, readString } from "./json_text.ts";
import { more, type Reading, skipSpace } from "./source.ts";

const NAMES: readonly string[] = ["name", "tool_name", "function"];
const ARGUMENTS: readonly string[] = ["arguments", "parameters"];
/** Fields that may stand before a name without telling that the object is no call. */
const OTHERS: readonly string[] = ["id", "type", "tool_call_id", "call_id"];

/** Reads a call that is a JSON object; false if it is none. */
export function* readJsonCall(context: CallContext<JsonForm>): Reading<boolean> {
  return yield* new JsonCall(context).read();
}

class JsonCall {
  readonly #context: CallContext<JsonForm>;
  readonly #names: readonly string[];
  readonly #arguments: readonly string[];
  #isNamed = false;
  /** Arguments that came before the name. */
  #early = "";
  #hasArguments = false;

  constructor(context: CallContext<JsonForm>) {
    this.#context = context;
    this.#names = [...context.form.names, ...NAMES];
    this.#arguments = [...context.form.arguments, ...ARGUMENTS];
  }

  *read(): Reading<boolean> {
    const isWhole = yield* this.#object(0);
    if (!this.#isNamed) return false;
    if (isWhole && !this.#hasArguments) this.#context.sink.arguments("{}");
    return true;
  }

  /** Reads an object; false if it does not come to its end or is no call. */
  *#object(depth: number): Reading<boolean> {
    const { source } = this.#context;
    source.take();
    for (;;) {
      yield* skipSpace(source);
      if (source.nextIs(",")) {
        source.take();
        continue;
      }
      if (source.nextIs("}")) {
        source.take();
        return true;
      }
      if (!source.nextIs('"')) return false;
      source.take();
      let key = "";
      if (!(yield* readString(source, '"', (text) => key += text))) return false;
      yield* skipSpace(source);
      if (!source.nextIs(":")) return false;
      source.take();
      yield* skipSpace(source);
      if (!(yield* more(source))) return false;
      if (!(yield* this.#field(key, depth))) return false;
    }
  }

  *#field(key: string, depth: number): Reading<boolean> {
    const { source, offered, takesOthers, form } = this.#context;
    if (!this.#isNamed && form.names.length === 0 && offered.has(key)) {
      this.#begin(key);
      yield* this.#value();
      return true;
    }
    if (!this.#isNamed && this.#names.includes(key)) {
      // {"type": "function", "function": {"name": …, "arguments": …}}
      if (source.nextIs("{")) return depth === 0 && (yield* this.#object(1));
      if (!source.nextIs('"')) return false;
      source.take();
      let name = "";
      if (!(yield* readString(source, '"', (text) => name += text))) return false;
      if (!offered.has(name) && !takesOthers) return false;
      this.#begin(name);
      return true;
    }
    if (!this.#hasArguments && this.#arguments.includes(key)) {
      yield* this.#value();
      return true;
    }
    if (!this.#isNamed && !OTHERS.includes(key)) {
      if (form.names.length > 0 || !takesOthers || !source.nextIs("{")) return false;
      this.#begin(key);
      yield* this.#value();
      return true;
    }
    yield* copyJson(source, () => {});
    return true;
  }

  /** Copies arguments to the letter; models may write them as a string with JSON in it. */
  *#value(): Reading {
    yield* readArguments(this.#context.source, (text) => this.#give(text));
    this.#hasArguments = true;
  }

  #begin(name: string): void {
    this.#isNamed = true;
    this.#context.sink.begin(name);
    if (this.#early !== "") this.#context.sink.arguments(this.#early);
    this.#early = "";
  }

  #give(text: string): void {
    if (this.#isNamed) this.#context.sink.arguments(text);
    else this.#early += text;
  }
}

/** Reads arguments that are JSON, or a JSON string with JSON in it; null means none. */
export function* readArguments(
  source: CallContext["source"],
  emit: (text: string) => void,
): Reading {
  if (source.char === '"') {
    source.take();
    yield* readString(source, '"', emit);
    return;
  }
  if (source.char === "{" || source.char === "[") {
    yield* copyJson(source, emit);
    return;
  }
  let word = "";
  yield* copyJson(source, (text) => word += text);
  emit(word === "null" ? "{}" : word);
}
