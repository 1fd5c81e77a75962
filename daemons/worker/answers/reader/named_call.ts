import type { NamedForm } from "../../chat/syntax.ts";
import type { CallContext } from "./call_sink.ts";
import { readHeader } from "./header.ts";
import { readArguments } from "./json_call.ts";
import { more, type Reading, skipSpace, takeMark } from "./source.ts";

const FENCES = ["```json", "```"];

/** Reads a name and the arguments after it; false if no function is named. */
export function* readNamedCall(context: CallContext<NamedForm>): Reading<boolean> {
  const { form, source, sink, closes } = context;
  const ends = [form.end, "{", "\n", ...closes].filter((end) => end !== "");
  const name = yield* readHeader(context, { ...form, ends });
  if (name === undefined) return false;
  sink.begin(name);
  yield* skipSpace(source);
  if (form.end !== "") yield* takeMark(source, [form.end]);
  yield* skipSpace(source);
  yield* takeMark(source, FENCES);
  yield* skipSpace(source);
  if (!(yield* more(source))) return true;
  if (/["{[]/.test(source.char)) yield* readArguments(source, (text) => sink.arguments(text));
  else if (!source.hasEnded) sink.arguments("{}");
  return true;
}
