import type { Offered } from "../../chat/value_types.ts";
import type { CallContext } from "./call_sink.ts";
import { more, nextMark, type Reading } from "./source.ts";

/** No name with what may stand around it is longer. */
const MAX_HEADER = 640;
/** What some models write before each name. */
const NAMESPACE = "functions.";

/** Marks around a name. */
export interface HeaderMarks {
  /** Texts that end the header; none of them is read. */
  readonly ends: readonly string[];
  /** Begins an id after the name. */
  readonly id?: string | undefined;
  /** Ends an id before the name. */
  readonly nameMark?: string | undefined;
}

/**
 * Reads the header of a call.
 *
 * @returns the name of an offered function; where others are taken, also another name that a mark
 *   follows; undefined if there is none
 */
export function* readHeader(
  { source, offered, takesOthers }: Pick<CallContext, "source" | "offered" | "takesOthers">,
  marks: HeaderMarks,
): Reading<string | undefined> {
  let header = "";
  while (header.length <= MAX_HEADER && (yield* more(source))) {
    const end = yield* nextMark(source, marks.ends);
    const name = end === undefined ? undefined : resolveName(header, marks, offered);
    if (name !== undefined) return name;
    if (end !== undefined && end !== "\n") return takesOthers ? wordIn(header, marks) : undefined;
    header += source.take();
    const mayGoOn = mayName(header, marks, offered) ||
      takesOthers && wordIn(header, marks) !== undefined;
    if (!mayGoOn) return undefined;
  }
  return undefined;
}

/** Whether a text looks like a function's name. */
export function isWord(text: string): boolean {
  return /^[\p{L}\p{N}_.:/-]{1,256}$/u.test(text);
}

/** The name in a header, if it looks like one. */
function wordIn(header: string, { nameMark = "" }: HeaderMarks): string | undefined {
  const at = nameMark === "" ? 0 : header.lastIndexOf(nameMark);
  const word = at < 0 ? "" : header.slice(at + nameMark.length).trim();
  return isWord(word) ? word : undefined;
}

/** The offered function that a header names. */
export function resolveName(
  header: string,
  { id, nameMark }: Pick<HeaderMarks, "id" | "nameMark">,
  offered: Offered,
): string | undefined {
  let text = header;
  if (nameMark !== undefined) text = text.slice(text.lastIndexOf(nameMark) + nameMark.length);
  text = text.trim();
  const candidates = [text];
  if (id !== undefined && text.includes(id)) candidates.push(text.slice(0, text.lastIndexOf(id)));
  // functions.f:0
  candidates.push(text.replace(/:\d+$/, ""));
  for (const candidate of candidates) {
    if (offered.has(candidate)) return candidate;
    const name = candidate.startsWith(NAMESPACE) ? candidate.slice(NAMESPACE.length) : "";
    if (offered.has(name)) return name;
  }
  return undefined;
}

/** Whether a header that begins so may name an offered function. */
function mayName(header: string, { nameMark }: HeaderMarks, offered: Offered): boolean {
  let text = header.trimStart();
  if (nameMark !== undefined) {
    const at = header.lastIndexOf(nameMark);
    if (at < 0) return true;
    text = header.slice(at + nameMark.length).trimStart();
  }
  for (const name of offered.keys()) {
    for (const full of [name, NAMESPACE + name]) {
      if (full.startsWith(text) || text.startsWith(full)) return true;
    }
  }
  return false;
}
