import type { MessageSyntax, Syntax } from "../../chat/syntax.ts";
import { CallReader } from "./call_reader.ts";
import type { ControlSpans } from "./control_spans.ts";
import { MarkScanner, readUntil } from "./mark_scanner.ts";
import { readArguments } from "./json_call.ts";
import type { Parts } from "./parts.ts";
import type { ReaderOptions } from "./reader_options.ts";
import {
  endsInMark,
  more,
  nextMark,
  type Reading,
  skipSpace,
  type Source,
  takeMark,
} from "./source.ts";
import { TextFlow } from "./text_flow.ts";
import { isWord, resolveName } from "./header.ts";

/** Dependencies of {@linkcode readMessages}. */
export interface MessageContext {
  readonly source: Source;
  readonly parts: Parts;
  readonly options: ReaderOptions;
  readonly syntax: Syntax;
  readonly messages: MessageSyntax;
  readonly controls: ControlSpans;
  /** Called with what is read from here on; a call with where its header begins. */
  readonly enter: (state: "reasoning" | "text" | "call", callStart?: number) => void;
  readonly isCut: () => boolean;
}

/** What a message is. */
type Purpose =
  | { readonly kind: "text" | "reasoning" }
  | { readonly kind: "call"; readonly name: string }
  /** A call of a function that was not offered: it is left out, as no client could answer it. */
  | { readonly kind: "nothing" };

/** How a message begins. */
interface Beginning {
  readonly purpose: Purpose;
  /** What was read of it that is shown if the message is text as it stands. */
  readonly text: string;
  /** Where that text begins. */
  readonly at: number;
  /** Whether white space at its beginning may belong to the marks. */
  readonly isFresh: boolean;
  /** Where its header begins. */
  readonly start: number;
}

const MAX_HEADER = 640;

/** Reads an answer of several messages. */
export function* readMessages(context: MessageContext): Reading {
  const { messages, source, options } = context;
  const begun = promptHeader(options.promptEnd, messages);
  let header = begun.header ?? "";
  if (begun.isWhole) {
    const purpose = purposeOf(header, context) ?? { kind: "text" };
    if (yield* readBody(context, { purpose, text: "", at: 0, isFresh: false, start: 0 })) return;
    header = "";
  }
  while (yield* more(source)) {
    const beginning = yield* readHeader(context, header);
    if (beginning === undefined || (yield* readBody(context, beginning))) return;
    header = "";
  }
}

/** Reads a header; what is none is text. Undefined if the answer is cut off in it. */
function* readHeader(context: MessageContext, begun: string): Reading<Beginning | undefined> {
  const { source, messages, isCut } = context;
  const start = source.offset;
  const purpose = { kind: "text" } as const;
  const plain = (text: string) => ({ purpose, text, at: start, isFresh: false, start });
  // Where a line's end ends a header, any line may be one.
  if (messages.body !== "\n") {
    const marks = [messages.start, messages.channel, ` ${messages.recipient}`, messages.body];
    const mark = yield* nextMark(source, marks);
    if (mark === undefined) return isCut() && endsInMark(source, marks) ? undefined : plain("");
  }
  let text = "";
  while (!(yield* takeMark(source, [messages.body]))) {
    if (!(yield* more(source))) {
      return isCut() ? undefined : plain(messages.body === "\n" ? text : "");
    }
    if (text.length > MAX_HEADER) return plain(text);
    text += source.take();
  }
  const found = purposeOf(begun + text, context) ?? (yield* callOfOther(begun + text, context));
  const whole = text + messages.body;
  if (found === undefined) return plain(whole);
  // A thought that is shown begins with its channel, as llama-server shows it.
  const from = Math.max(0, whole.indexOf(messages.channel));
  return { purpose: found, text: whole.slice(from), at: start + from, isFresh: true, start };
}

/** Whether a line that names no function that was offered begins a call: JSON follows a word. */
function* callOfOther(
  line: string,
  { source, messages, options }: MessageContext,
): Reading<Purpose | undefined> {
  const name = line.replace(messages.start, "").trim();
  if (options.tools.size === 0 || !isWord(name) || !(yield* more(source))) return undefined;
  return source.nextIs("{") ? { kind: "nothing" } : undefined;
}

/** Reads a message's text; true if the answer is over. */
function* readBody(
  context: MessageContext,
  { purpose, text, at, isFresh, start: from }: Beginning,
): Reading<boolean> {
  const { source, parts, messages, options, controls, isCut } = context;
  const isThought = purpose.kind === "reasoning";
  const isShown = isThought && !options.splitsThoughts;
  if (purpose.kind === "call") {
    context.enter("call", from);
    yield* readCallBody(context, purpose.name);
    if (options.isSingle) return true;
    context.enter("call");
  } else context.enter(purpose.kind === "nothing" ? "text" : purpose.kind);
  const kind = isThought && !isShown ? "reasoning" : "text";
  const shows = isThought || purpose.kind === "text";
  const isHeld = options.isHeld === true && purpose.kind === "text";
  const flow = new TextFlow(
    (text, at) => shows && parts.text(kind, text, at),
    isThought && isFresh && !isShown,
  );
  if (isShown && isFresh || purpose.kind === "text" && !isFresh) flow.push(text, at);
  const { start, body, channel, ends } = messages;
  const scanner = new MarkScanner([...ends, start, ...(channel === "" ? [] : [channel, body])]);
  let mark: string | undefined;
  for (;;) {
    mark = yield* readUntil(source, scanner, (text, at) => flow.push(text, at));
    const isHeader = mark === channel || mark === body;
    if (mark === undefined || !isHeader && !isHeld) break;
    // As ordinary text these are no marks here.
    const at = source.offset - mark.length;
    if (!controls.has(at)) flow.push(mark, at);
    else if (mark !== body) break;
  }
  if (mark === undefined) {
    const at = source.offset;
    const held = source.takeAll();
    if (!isCut()) flow.push(held, at);
    else if (held !== "") flow.drop();
  } else if (mark === start || mark === channel) source.unread(mark);
  else if (isShown) flow.push(mark, source.offset - mark.length);
  // Also where the mark is missing: it may have been cut off.
  if (isThought && !isShown) flow.drop();
  flow.flush();
  if (isThought && mark !== undefined) context.enter("text");
  yield* skipSpace(source);
  return false;
}

/** The header that a prompt ends in or after; undefined if it begins no message. */
export function promptHeader(
  promptEnd: string,
  { start, body }: MessageSyntax,
): { readonly header: string | undefined; readonly isWhole: boolean } {
  const at = promptEnd.lastIndexOf(start);
  if (at < 0) return { header: undefined, isWhole: false };
  const rest = promptEnd.slice(at + start.length);
  const end = rest.indexOf(body);
  return end < 0 ? { header: rest, isWhole: false } : { header: rest.slice(0, end), isWhole: true };
}

/** Reads a call's arguments: JSON, or a call with marks where the model has such. */
function* readCallBody(context: MessageContext, name: string): Reading {
  const { source, parts, syntax, options } = context;
  yield* skipSpace(source);
  const { calls } = syntax;
  const marked = calls && (yield* nextMark(source, [...calls.opens, calls.before]));
  if (!calls || !marked) {
    parts.begin(name);
    if (!(yield* more(source))) return;
    if (/["{[]/.test(source.char)) yield* readArguments(source, (text) => parts.arguments(text));
    return;
  }
  const reader = new CallReader(calls, {
    offered: options.tools,
    isSingle: options.isSingle,
    sink: parts,
    steps: source.steps,
  });
  while (reader.state !== "failed" && reader.state !== "over") {
    if (!(yield* more(source))) {
      reader.end();
      return;
    }
    reader.push(source.takeAll());
  }
  source.unread(reader.takeRest());
}

/** What a message with this header is; undefined if this is no header. */
function purposeOf(header: string, { messages, options }: MessageContext): Purpose | undefined {
  const { recipient, channel, thoughts, texts } = messages;
  if (recipient === "") {
    const to = header.replace(messages.start, "").trim();
    if (texts.includes(to)) return { kind: "text" };
    const name = resolveName(to, {}, options.tools);
    return name === undefined ? undefined : { kind: "call", name };
  }
  const words = header.split(/\s+|(?=<\|)|(?<=\|>)/).filter((word) => word !== "");
  const to = words.findLast((word) => word.startsWith(recipient))?.slice(recipient.length);
  if (to !== undefined && to !== "assistant" && ![...texts, ...thoughts].includes(to)) {
    const name = resolveName(to, {}, options.tools);
    return name === undefined ? { kind: "nothing" } : { kind: "call", name };
  }
  const at = words.lastIndexOf(channel);
  const isThought = [to, at < 0 ? undefined : words[at + 1]]
    .some((word) => word !== undefined && thoughts.includes(word));
  return { kind: isThought ? "reasoning" : "text" };
}
