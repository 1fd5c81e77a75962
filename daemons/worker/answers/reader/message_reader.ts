import type { MessageSyntax, Syntax } from "../../chat/syntax.ts";
import { CallReader } from "./call_reader.ts";
import { MarkScanner, readUntil } from "./mark_scanner.ts";
import { readArguments } from "./json_call.ts";
import type { Parts } from "./parts.ts";
import type { ReaderOptions } from "./reader.ts";
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
import { resolveName } from "./header.ts";

/** Dependencies of {@linkcode readMessages}. */
export interface MessageContext {
  readonly source: Source;
  readonly parts: Parts;
  readonly options: ReaderOptions;
  readonly syntax: Syntax;
  readonly messages: MessageSyntax;
  readonly enter: (state: "reasoning" | "text" | "call") => void;
  readonly isCut: () => boolean;
}

/** What a message is. Calls of functions that were not offered are left out. */
type Purpose =
  | { readonly kind: "text" | "reasoning" | "nothing" }
  | { readonly kind: "call"; readonly name: string };

const MAX_HEADER = 640;

/** Reads an answer of several messages. */
export function* readMessages(context: MessageContext): Reading {
  const { messages, source, options } = context;
  const { promptEnd } = options;
  const begun = promptEnd.slice(promptEnd.lastIndexOf(messages.start) + messages.start.length);
  let body = begun.indexOf(messages.body);
  let header = begun;
  if (messages.start === "" || !promptEnd.includes(messages.start)) {
    body = -1;
    header = "";
  }
  if (body >= 0) {
    if (yield* readBody(context, purposeOf(begun.slice(0, body), context), "", false)) return;
    header = "";
  }
  while (yield* more(source)) {
    const read = yield* readHeader(context);
    if (read === undefined) return;
    const purpose = read.isHeader
      ? purposeOf(header + read.text, context)
      : { kind: "text" as const };
    if (yield* readBody(context, purpose, read.isHeader ? read.text : "", true)) return;
    if (!read.isHeader && read.text !== "") context.parts.text("text", read.text);
    header = "";
  }
}

/** Reads a header up to the text; what is no header is text. */
function* readHeader(
  { source, messages, isCut }: MessageContext,
): Reading<{ isHeader: boolean; text: string } | undefined> {
  const marks = [messages.start, messages.channel, ` ${messages.recipient}`].filter((mark) =>
    mark.trim() !== ""
  );
  const isLine = messages.body === "\n";
  if (!isLine) {
    const begins = (yield* nextMark(source, [...marks, messages.body])) !== undefined;
    if (!begins && isCut() && endsInMark(source, marks)) return undefined;
    if (!begins) return { isHeader: false, text: "" };
  }
  let text = "";
  while (yield* more(source)) {
    if (yield* takeMark(source, [messages.body])) return { isHeader: true, text };
    if (text.length > MAX_HEADER) return { isHeader: false, text };
    text += source.take();
  }
  return isCut() ? undefined : { isHeader: isLine ? false : true, text };
}

/** Reads a message's text; true if the answer is over. */
function* readBody(
  context: MessageContext,
  purpose: Purpose,
  header: string,
  isFresh: boolean,
): Reading<boolean> {
  const { source, parts, messages, options, isCut } = context;
  const isThought = purpose.kind === "reasoning";
  const shows = isThought && !options.splitsThoughts;
  context.enter(purpose.kind === "nothing" ? "text" : purpose.kind);
  if (purpose.kind === "call") {
    yield* readCallBody(context, purpose.name);
    if (options.isSingle) return true;
  }
  const kind = isThought && options.splitsThoughts ? "reasoning" : "text";
  const flow = new TextFlow(
    purpose.kind === "text" || isThought ? (text) => parts.text(kind, text) : () => {},
    isFresh && isThought && !shows,
  );
  if (shows && isFresh) flow.push(header + messages.body);
  const mark = yield* readUntil(
    source,
    new MarkScanner([...messages.ends, messages.start]),
    (text) => flow.push(text),
  );
  if (mark === undefined) {
    const held = source.takeAll();
    if (!isCut()) flow.push(held);
  } else if (shows) flow.push(mark);
  if (mark === messages.start) source.unread(mark);
  if (mark === undefined || purpose.kind === "text" || shows) flow.flush();
  yield* skipSpace(source);
  return false;
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

function purposeOf(header: string, { messages, options }: MessageContext): Purpose {
  const { recipient, channel, thoughts, texts } = messages;
  const words = header.split(/\s+|(?=<\|)|(?<=\|>)/).filter((word) => word !== "");
  const to = recipient === ""
    ? header.replace(messages.start, "").trim()
    : words.filter((word) => word.startsWith(recipient)).at(-1)?.slice(recipient.length);
  const at = channel === "" ? -1 : words.lastIndexOf(channel);
  const channelName = at < 0 ? undefined : words[at + 1];
  if (to !== undefined && to !== "assistant" && !texts.includes(to) && !thoughts.includes(to)) {
    const name = resolveName(to, {}, options.tools);
    return name === undefined ? { kind: "nothing" } : { kind: "call", name };
  }
  const isThought = thoughts.includes(to ?? "") || thoughts.includes(channelName ?? "");
  return { kind: isThought ? "reasoning" : "text" };
}
