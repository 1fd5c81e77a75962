import { AnswerReader, type Part } from "../../../daemons/worker/answers/reader/reader.ts";
import { findSyntax } from "../../../daemons/worker/chat/find_syntax.ts";
import type { Syntax } from "../../../daemons/worker/chat/syntax.ts";
import type { LlamaCase, Meaning } from "./llama_cases.ts";
import { controlTokens, renderer } from "./render.ts";

/** A template with what was found out about it. */
export interface Family {
  readonly syntax: Syntax;
  readonly controls: readonly string[];
  readonly render: ReturnType<typeof renderer>;
}

const families = new Map<string, Family>();

/** A family of models by its template. */
export function familyOf(source: string): Family {
  let family = families.get(source);
  if (!family) {
    const render = renderer(source);
    const controls = controlTokens(source);
    family = { syntax: findSyntax(render, controls), controls, render };
    families.set(source, family);
  }
  return family;
}

/** Text in pieces: control tokens whole, other text as it is cut. */
export interface Piece {
  readonly text: string;
  readonly isControl: boolean;
}

/** Splits text at control tokens. */
export function piecesOf(text: string, controls: readonly string[]): Piece[] {
  const longest = [...controls].sort((a, b) => b.length - a.length);
  const escaped = longest.map((each) => each.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  if (escaped.length === 0) return [{ text, isControl: false }];
  return text.split(new RegExp(`(${escaped.join("|")})`))
    .map((part, index) => ({ text: part, isControl: index % 2 === 1 }))
    .filter((piece) => piece.text !== "");
}

/** Each character a piece. */
export function characters(pieces: readonly Piece[]): Piece[] {
  return pieces.flatMap((piece) =>
    piece.isControl ? [piece] : [...piece.text].map((text) => ({ text, isControl: false }))
  );
}

/** What parts say together. */
export function meaningOf(parts: readonly Part[]): Meaning {
  const meaning = {
    content: "",
    reasoning: "",
    calls: [] as { name: string; arguments: string }[],
  };
  for (const part of parts) {
    if (part.kind === "text") meaning.content += part.text;
    else if (part.kind === "reasoning") meaning.reasoning += part.text;
    else if (part.kind === "call") meaning.calls.push({ name: part.name, arguments: "" });
    else if (part.kind === "arguments") meaning.calls[part.index]!.arguments += part.text;
  }
  return meaning;
}

/** Reads a case's text in pieces. */
export function readPieces(
  test: LlamaCase,
  family: Family,
  pieces: readonly Piece[],
  isCut = test.isPartial,
): Meaning {
  const reader = new AnswerReader(family.syntax, {
    tools: new Map(test.tools.map(({ name, parameters }) => [name, parameters])),
    promptEnd: promptEnd(test, family),
    isSingle: !test.isParallel,
    splitsThoughts: test.splitsThoughts,
  });
  const parts = pieces.flatMap(({ text, isControl }) => reader.push(text, isControl));
  return meaningOf([...parts, ...reader.end(isCut)]);
}

/** The end of the prompt: what the template adds, and the text of a turn that is continued. */
function promptEnd(test: LlamaCase, { render, syntax }: Family): string {
  const user = { role: "user", content: "Hey there!" };
  const tools = test.tools.map((tool) => ({ type: "function", function: tool }));
  const kwargs = { enable_thinking: test.enableThinking, thinking: test.enableThinking };
  const rendered = (offered: readonly unknown[]) =>
    render([user], offered, { kwargs, addGenerationPrompt: true });
  let whole: string;
  try {
    whole = rendered(tools);
  } catch {
    // Some templates write no tools.
    whole = rendered([]);
  }
  const prompt = whole.slice(whole.lastIndexOf(user.content) + user.content.length);
  if (!test.continues) return prompt;
  const { reasoning, content } = test.continues;
  if (syntax.messages) {
    const { start, body, channel, ends } = syntax.messages;
    if (channel === "") return `${start}all${body}${content}`;
    const thought = `${start}assistant${channel}analysis${body}${reasoning}`;
    return content === ""
      ? thought
      : `${thought}${ends[0]}${start}assistant${channel}final${body}${content}`;
  }
  const [open = ""] = syntax.thought?.opens ?? [];
  const [close = ""] = syntax.thought?.closes ?? [];
  return content === ""
    ? `${open}${reasoning}`
    : `${open}${reasoning}${close}${syntax.content?.open ?? ""}${content}`;
}

/** How a case's reading differs from what is expected; undefined if it does not. */
export function runCase(test: LlamaCase, source: string): string | undefined {
  const family = familyOf(source);
  const whole = piecesOf(test.input, family.controls);
  const read = readPieces(test, family, whole);
  const expected = expectedOf(test);
  const problem = difference(read, expected, test.isPartial);
  if (problem !== undefined) return problem;
  const single = characters(whole);
  const same = (pieces: readonly Piece[], how: string) => {
    const other = readPieces(test, family, pieces);
    return JSON.stringify(other) === JSON.stringify(read)
      ? undefined
      : `${how}: ${JSON.stringify(other)} is not ${JSON.stringify(read)}`;
  };
  const bySingle = same(single, "one by one");
  if (bySingle !== undefined) return bySingle;
  for (let at = 1; at < single.length; at++) {
    const cut = same([...joined(single.slice(0, at)), ...joined(single.slice(at))], `cut at ${at}`);
    if (cut !== undefined) return cut;
    const half = readPieces(test, family, joined(single.slice(0, at)), true);
    const leak = leakOf(half, read);
    if (leak !== undefined) return `ended at ${at}: ${leak}`;
  }
  return undefined;
}

/** What an answer that was cut off says more than the whole one. */
function leakOf(half: Meaning, whole: Meaning): string | undefined {
  if (!whole.content.trim().startsWith(half.content.trim())) {
    return `content ${JSON.stringify(half.content)}`;
  }
  // A call may turn out to be the end of a thought.
  if (!whole.reasoning.trim().startsWith(half.reasoning.trim()) && whole.calls.length === 0) {
    return `reasoning ${JSON.stringify(half.reasoning)}`;
  }
  for (const [index, call] of half.calls.entries()) {
    const other = whole.calls[index];
    if (other?.name !== call.name || !other.arguments.startsWith(call.arguments)) {
      return `call ${JSON.stringify(call)}`;
    }
  }
  return undefined;
}

function joined(pieces: readonly Piece[]): Piece[] {
  const result: Piece[] = [];
  for (const piece of pieces) {
    const last = result.at(-1);
    if (last && !last.isControl && !piece.isControl) {
      result[result.length - 1] = { text: last.text + piece.text, isControl: false };
    } else result.push(piece);
  }
  return result;
}

/** llama.cpp gives the text of a continued turn again; the reader gives what is new. */
function expectedOf(test: LlamaCase): Meaning {
  const { continues, expected } = test;
  if (!continues) return expected;
  const without = (text: string, start: string) =>
    text.startsWith(start) ? text.slice(start.length) : text;
  return {
    ...expected,
    content: without(expected.content, continues.content),
    reasoning: without(expected.reasoning, continues.reasoning),
  };
}

function difference(read: Meaning, expected: Meaning, isPartial: boolean): string | undefined {
  const shown = `${JSON.stringify(read)} is not ${JSON.stringify(expected)}`;
  if (read.content.trim() !== expected.content.trim()) return `content: ${shown}`;
  if (read.reasoning.trim() !== expected.reasoning.trim()) return `reasoning: ${shown}`;
  if (read.calls.length !== expected.calls.length) return `calls: ${shown}`;
  for (const [index, call] of read.calls.entries()) {
    const other = expected.calls[index]!;
    const isSame = call.name === other.name &&
      (isPartial
        ? compact(call.arguments) === compact(other.arguments)
        : normal(call.arguments) === normal(other.arguments || "{}"));
    if (!isSame) return `calls: ${shown}`;
  }
  return undefined;
}

function compact(text: string): string {
  return text.replace(/\s/g, "");
}

function normal(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text));
  } catch {
    return `not JSON: ${text}`;
  }
}
