import { isRecord, parseJson } from "#shared/json.ts";
import { linesOf, type MarkText } from "./mark_text.ts";
import type { Surroundings } from "./find_thought.ts";
import { callTurn, FIRST, type Prober, SECOND, TEXTS, TOOLS } from "./probe.ts";
import type { Turn } from "./render.ts";
import type { CallForm, CallSyntax, JsonForm, MessageSyntax, TaggedForm } from "./syntax.ts";

/** Calls as a template writes them, without what stands around the turn. */
interface Written {
  readonly one: string;
  /** Two calls; undefined where a turn has one at most, or each its own message. */
  readonly two: string | undefined;
}

/** A call's place in a text. */
interface Place {
  readonly from: number;
  readonly to: number;
}

/** Finds how calls are written; undefined if the template writes none. */
export function findCalls(
  prober: Prober,
  marks: MarkText,
  surroundings: Surroundings,
  messages: MessageSyntax | undefined,
): CallSyntax | undefined {
  const written = writtenCalls(prober, marks, surroundings, messages);
  if (!written) return undefined;
  for (const find of [jsonCalls, namedCalls, literalCalls, taggedCalls]) {
    const found = find(written, marks);
    if (found) return found;
  }
  return undefined;
}

/** Renders turns with calls until the template writes what is in them. */
function writtenCalls(
  prober: Prober,
  marks: MarkText,
  surroundings: Surroundings,
  messages: MessageSyntax | undefined,
): Written | undefined {
  const said = [{ role: "assistant", content: TEXTS.content }];
  const plain = prober.answer(said, TOOLS) ?? prober.answer(said) ?? "";
  const results: Turn[] = [{
    ...{ role: "tool", content: "Result7Text", name: TEXTS.first, tool_call_id: TEXTS.firstId },
  }];
  let fallback: Written | undefined;
  const variants = ["", null, TEXTS.content].flatMap((content) =>
    [TOOLS, []].map((tools) => ({ content, tools }))
  );
  for (const { content, tools } of variants) {
    for (const asText of [false, true]) {
      for (const after of [[], results]) {
        const shows = (calls: readonly (typeof FIRST)[]) => {
          const text = prober.answer([callTurn(calls, asText, content), ...after], tools);
          return text?.includes(TEXTS.string) && isTold(text)
            ? { text, calls: region(text, plain, marks, surroundings, messages) }
            : undefined;
        };
        const one = shows([FIRST]);
        if (one === undefined) continue;
        const two = messages ? undefined : shows([FIRST, SECOND])?.calls;
        const written = { one: one.calls, two: two?.includes(TEXTS.second) ? two : undefined };
        // Text after calls says less of where they end.
        if (one.text.indexOf(TEXTS.content, one.text.indexOf(TEXTS.string)) < 0) return written;
        fallback ??= written;
      }
    }
  }
  return fallback;
}

/** Whether the call is written, with name or id, and as data. */
function isTold(text: string): boolean {
  return (text.includes(TEXTS.first) || text.includes(TEXTS.firstId)) &&
    !text.includes(`\\"${TEXTS.stringKey}`);
}

/** The part of a turn that is calls. */
function region(
  text: string,
  plain: string,
  marks: MarkText,
  { thought, content }: Surroundings,
  messages: MessageSyntax | undefined,
): string {
  const valueAt = text.indexOf(TEXTS.string);
  let from = text.lastIndexOf(TEXTS.content, valueAt);
  if (from >= 0) from += TEXTS.content.length;
  else from = marks.commonStart(text, plain).length;
  for (const close of [...(thought?.closes ?? []), content?.close ?? ""]) {
    const at = close === "" ? -1 : text.lastIndexOf(close, valueAt);
    if (at >= from) from = at + close.length;
  }
  if (messages) from = text.lastIndexOf(messages.body, valueAt) + messages.body.length;
  let end = text.indexOf("Result7Text");
  if (end < 0) end = text.length;
  const later = text.indexOf(TEXTS.content, valueAt);
  if (later >= 0) end = Math.min(end, later);
  for (const mark of messages?.ends ?? []) {
    const at = text.indexOf(mark, valueAt);
    if (at >= 0) end = Math.min(end, at);
  }
  const whole = text.slice(from, end);
  const plainEnd = plain.slice(plain.indexOf(TEXTS.content) + TEXTS.content.length);
  const trailer = whole.endsWith(plainEnd) ? plainEnd : marks.commonEnd(whole, plainEnd);
  return whole.slice(0, whole.length - trailer.length);
}

/** Marks around calls from the text before the first, between two and after the last. */
function marksAround(
  marks: MarkText,
  before: string,
  between: string | undefined,
  after: string,
  isList = false,
): Pick<CallSyntax, "opens" | "closes"> & { readonly last: string } {
  const [first, middle, last] = isList
    ? [
      before.replace(/[\s[]+$/, ""),
      between?.replace(/^[\s,;\]]+/, "").replace(/[\s,;[]+$/, ""),
      after.replace(/^[\s\]]+/, ""),
    ]
    : [before, between, after];
  const own = middle === undefined ? first : marks.commonEnd(first, middle);
  const close = middle === undefined ? "" : middle.slice(0, middle.length - own.length).trim();
  const rest = last.startsWith(close) ? last.slice(close.length) : last;
  const ownLines = linesOf(own);
  return {
    opens: [...new Set([...linesOf(first.slice(0, first.length - own.length)), ...ownLines])],
    closes: [
      ...new Set([close, rest].flatMap((text) => marks.split(text.replace(/```(?=\S)/, "```\n")))),
    ],
    last: ownLines.at(-1) ?? "",
  };
}

function jsonCalls({ one, two }: Written, marks: MarkText): CallSyntax | undefined {
  const nameAt = one.indexOf(TEXTS.first);
  const place = nameAt < 0 ? undefined : jsonPlace(one, 0, nameAt);
  if (!place) return undefined;
  const form = jsonForm(parseJson(one.slice(place.from, place.to)));
  if (!form) return undefined;
  const next = two && jsonPlace(two, place.to, two.indexOf(TEXTS.second));
  const between = next ? two.slice(place.to, next.from) : undefined;
  const { opens, closes } = marksAround(
    ...[marks, one.slice(0, place.from), between, one.slice(place.to), true] as const,
  );
  return { opens, closes, before: "", lead: one.slice(0, place.from), form };
}

function jsonForm(value: unknown): JsonForm | undefined {
  if (!isRecord(value)) return undefined;
  const entries = Object.entries(value);
  const holds = (field: unknown) => JSON.stringify(field).includes(TEXTS.stringKey);
  const given = entries.filter(([, field]) => holds(field));
  const names = entries.filter(([, field]) => field === TEXTS.first).map(([key]) => key);
  if (names.length > 0) {
    const fields = entries.map(([key]) => key);
    const hasMore = fields.length > names.length + given.length;
    return {
      ...{ kind: "json", names, arguments: given.map(([key]) => key) },
      ...(hasMore ? { fields } : {}),
    };
  }
  if (given.some(([key]) => key === TEXTS.first)) return { kind: "json", names: [], arguments: [] };
  const inner = entries.map(([, field]) => jsonForm(field)).find((form) => form !== undefined);
  return inner;
}

function namedCalls({ one, two }: Written, marks: MarkText): CallSyntax | undefined {
  const named = headerOf(one, TEXTS.first, TEXTS.firstId, 0);
  if (!named) return undefined;
  const next = two && headerOf(two, TEXTS.second, TEXTS.secondId, named.json.to);
  const between = next ? two.slice(named.json.to, next.from) : undefined;
  const { opens, closes, last } = marksAround(
    ...[marks, one.slice(0, named.from), between, one.slice(named.json.to)] as const,
  );
  let { end } = named;
  let id = named.idMark;
  if (next && id === undefined && next.end !== end) {
    const common = marks.commonEnd(end, next.end);
    id = end.slice(0, sameStart(end, next.end));
    end = common;
  }
  const form: CallForm = {
    ...{ kind: "named", end: linesOf(end).at(-1) ?? "" },
    ...(id ? { id } : {}),
    ...(named.nameMark ? { nameMark: named.nameMark } : {}),
  };
  return { opens, closes, before: last, lead: one.slice(0, named.from), form };
}

interface Header {
  /** Where the name or the id before it begins. */
  readonly from: number;
  readonly json: Place;
  /** What stands between name and arguments, or between id and arguments. */
  readonly end: string;
  readonly idMark: string | undefined;
  readonly nameMark: string | undefined;
}

/** A name or an id and JSON after it. */
function headerOf(text: string, name: string, id: string, start: number): Header | undefined {
  let from = text.indexOf(name, start);
  const length = from < 0 ? id.length : name.length;
  if (from < 0) from = text.indexOf(id, start);
  if (from < 0) return undefined;
  const nameEnd = from + length;
  const json = jsonPlace(text, nameEnd, text.length);
  if (!json) return undefined;
  const between = text.slice(nameEnd, json.from);
  const idAt = between.indexOf(id);
  const before = text.lastIndexOf(id, from - 1);
  const hasIdBefore = before >= start && before < from;
  return {
    from: hasIdBefore ? before : from,
    json,
    end: idAt < 0 ? between : between.slice(idAt + id.length),
    idMark: idAt < 0 ? undefined : between.slice(0, idAt),
    nameMark: hasIdBefore ? text.slice(before + id.length, from) : undefined,
  };
}

function literalCalls({ one, two }: Written, marks: MarkText): CallSyntax | undefined {
  const nameAt = one.indexOf(TEXTS.first);
  const nameEnd = nameAt + TEXTS.first.length;
  const open = one.charAt(nameEnd);
  if (nameAt < 0 || !/[({]/.test(open) || !one.startsWith(TEXTS.stringKey, nameEnd + 1)) {
    return undefined;
  }
  const keyEnd = nameEnd + 1 + TEXTS.stringKey.length;
  const middle = one.slice(keyEnd, one.indexOf(TEXTS.string));
  const separator = middle.charAt(0);
  const quote = middle.slice(1).trim();
  const close = open === "(" ? ")" : "}";
  const end = one.indexOf(close, one.indexOf(String(TEXTS.number))) + 1;
  const nextAt = two ? two.indexOf(TEXTS.second) : -1;
  const { opens, closes, last } = marksAround(
    marks,
    one.slice(0, nameAt),
    two && nextAt >= 0 ? two.slice(end, nextAt) : undefined,
    one.slice(end),
    true,
  );
  return {
    ...{ opens, closes, before: last, lead: one.slice(0, nameAt) },
    form: {
      ...{ kind: "literal", open, separator },
      quote: quote === '"' || quote === "'" ? "" : quote,
    },
  };
}

function taggedCalls({ one, two }: Written, marks: MarkText): CallSyntax | undefined {
  const { first, second, stringKey, numberKey, string } = TEXTS;
  const number = String(TEXTS.number);
  const nameAt = one.indexOf(first);
  const keyAt = one.indexOf(stringKey, nameAt + first.length);
  const valueAt = one.indexOf(string, keyAt);
  const nextKeyAt = one.indexOf(numberKey, valueAt);
  const numberAt = one.indexOf(number, nextKeyAt);
  if (nameAt < 0 || keyAt < 0 || valueAt < 0 || nextKeyAt < 0 || numberAt < 0) return undefined;
  const toKey = one.slice(nameAt + first.length, keyAt);
  const toNextKey = one.slice(valueAt + string.length, nextKeyAt).replace(stringKey, "\0");
  const key = marks.commonEnd(toKey, toNextKey);
  const closing = toNextKey.slice(0, toNextKey.length - key.length);
  const toValue = one.slice(keyAt + stringKey.length, valueAt);
  const toNumber = one.slice(nextKeyAt + numberKey.length, numberAt);
  const [close = "", keyInClose] = closing.trim().split("\0");
  const written = (name: string) => closing.trim().replace("\0", name);
  const end = one.indexOf(written(numberKey), numberAt) + written(numberKey).length;
  const nextAt = two ? two.indexOf(second, end) : -1;
  const { opens, closes, last } = marksAround(
    marks,
    one.slice(0, nameAt),
    two && nextAt >= 0 ? two.slice(end, nextAt) : undefined,
    one.slice(end),
  );
  const nameEnd = toKey.slice(0, toKey.length - key.length);
  // What differs from call to call, such as a number, is no mark.
  const nextNameEnd = two && nextAt >= 0 ? two.slice(nextAt + second.length) : nameEnd;
  const form: TaggedForm = {
    kind: "tagged",
    nameEnd: nameEnd.slice(0, sameStart(nameEnd, nextNameEnd)).trim(),
    key: key.trim(),
    ...keyEnds(toValue, toNumber),
    close,
    ...(keyInClose === undefined ? {} : { keyInClose }),
    lines: toValue.endsWith("\n") && closing.startsWith("\n"),
  };
  return { opens, closes, before: last, lead: one.slice(0, nameAt), form };
}

/** What stands between a key and its value, and how that says that the value is a string. */
function keyEnds(
  toString: string,
  toNumber: string,
): Pick<TaggedForm, "keyEnds" | "stringHint"> {
  if (toString === toNumber) return { keyEnds: linesOf(toString) };
  const start = toString.slice(0, sameStart(toString, toNumber)).replace(/\w+$/, "");
  const reversed = (text: string) => text.split("").reverse().join("");
  const count = sameStart(reversed(toString), reversed(toNumber));
  const end = toString.slice(toString.length - count).replace(/^\w+/, "");
  const stringHint = toString.slice(start.length, toString.length - end.length);
  return { keyEnds: [start.trim(), end.trim()], stringHint };
}

function sameStart(a: string, b: string): number {
  let count = 0;
  while (count < Math.min(a.length, b.length) && a[count] === b[count]) count++;
  return count;
}

/** The first JSON object from `from` on that begins before `before` and has the probe's values. */
function jsonPlace(text: string, from: number, before: number): Place | undefined {
  for (let at = text.indexOf("{", from); at >= 0 && at < before; at = text.indexOf("{", at + 1)) {
    const to = objectEnd(text, at);
    const value = to === undefined ? undefined : parseJson(text.slice(at, to));
    if (to === undefined || !isRecord(value)) continue;
    if (JSON.stringify(value).includes(TEXTS.numberKey)) return { from: at, to };
  }
  return undefined;
}

function objectEnd(text: string, from: number): number | undefined {
  let depth = 0;
  let quoted = false;
  for (let at = from; at < text.length; at++) {
    const char = text[at];
    if (quoted) {
      if (char === "\\") at++;
      else if (char === '"') quoted = false;
    } else if (char === '"') quoted = true;
    else if (char === "{" || char === "[") depth++;
    else if ((char === "}" || char === "]") && --depth === 0) return at + 1;
  }
  return undefined;
}
