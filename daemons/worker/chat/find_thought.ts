import type { MarkText } from "./mark_text.ts";
import { mirrors } from "./mark_text.ts";
import { callTurn, FIRST, type Prober, TEXTS, THINKING, TOOLS, USER } from "./probe.ts";
import type { Turn } from "./render.ts";
import type { Syntax, ThoughtSyntax } from "./syntax.ts";

/** What an answer's text and thoughts stand between. */
export type Surroundings = Pick<Syntax, "thought" | "content" | "ends"> & {
  /** What a template writes before an answer. */
  readonly header: string;
};

/** The marks of most models whose template does not show them. */
const USUAL: ThoughtSyntax = { opens: ["<think>"], closes: ["</think>"], isGuess: true };

/** Finds the marks around thoughts and text. */
export function findThought(prober: Prober, marks: MarkText): Surroundings {
  const switched = THINKING.map((kwargs) => prober.prompt(kwargs));
  const prompts = [prober.prompt(), ...switched].filter((prompt) => prompt !== undefined);
  const said = { role: "assistant", content: TEXTS.content };
  const plain = prober.answer([said]);
  // Thoughts of the past are left out by most templates.
  const past = prober.past([said]);
  const [usual = plain ?? ""] = prompts;
  const history = thoughtInHistory(prober);
  const common = [...prompts, plain, past, history?.before].reduce<string>((start, text) => {
    const shorter = text === undefined ? "" : marks.commonStart(start, text);
    return shorter === "" || start === text ? start : shorter;
  }, usual);
  const header = withoutThought(common, prompts, switched, marks);
  const afterHeader = (text: string) => text.slice(text.lastIndexOf(header) + header.length).trim();
  const tails = [...new Set(prompts.filter((text) => text.includes(header)).map(afterHeader))]
    .filter((tail) => tail !== "");

  const told = tellingOf(prober);
  const content = history?.content ?? (plain === undefined ? undefined : contentMarks(plain)) ??
    told?.content;
  const ends = endMarks(plain, content?.close ?? "", marks);

  let open = history ? afterHeader(history.before) : "";
  let close = history?.after ?? "";
  if (content && close.endsWith(content.open)) close = close.slice(0, -content.open.length).trim();
  const inPrompt = thoughtInPrompt(tails, marks);
  if (history && !history.isWhole) {
    // The thought is followed by calls, whose marks are not known here.
    close = inPrompt && close.startsWith(inPrompt.close)
      ? inPrompt.close
      : marks.split(close)[0] ?? "";
  }
  if (close === "") ({ open, close } = inPrompt ?? told?.thought ?? { open: "", close: "" });
  if (close === "") return { thought: USUAL, ends, header, ...(content ? { content } : {}) };
  if (open === "") {
    const last = marks.split(header).at(-1);
    const isOpen = last !== undefined &&
      (mirrors(last).includes(close) || tails.some((tail) => tail.startsWith(close)));
    open = isOpen ? last : tails[0] ?? "";
  }
  const opens = open === "" ? [] : [open];
  return { thought: { opens, closes: [close] }, ends, header, ...(content ? { content } : {}) };
}

/** What is common to all answers, without the mark of a thought that each of them begins with. */
function withoutThought(
  common: string,
  prompts: readonly string[],
  [on, off]: readonly (string | undefined)[],
  marks: MarkText,
): string {
  const open = marks.split(common).at(-1) ?? "";
  const rests = prompts.filter((prompt) => prompt.startsWith(common))
    .map((prompt) => marks.split(prompt.slice(common.length)));
  // Where thinking is turned off, one mark more closes what the prompt opened.
  const isClosed = on === common && off !== undefined && off.startsWith(on) &&
    marks.split(off.slice(on.length)).length === 1;
  const isMirrored = rests.some(([mark = ""]) => mirrors(open).includes(mark));
  return isClosed || isMirrored ? common.slice(0, common.lastIndexOf(open)) : common;
}

interface ThoughtInHistory {
  readonly before: string;
  readonly after: string;
  /** Whether text follows the thought. */
  readonly isWhole: boolean;
  readonly content: Syntax["content"];
}

/** A thought in a turn of the past, where a template writes one. */
function thoughtInHistory(prober: Prober): ThoughtInHistory | undefined {
  const { thought, content } = TEXTS;
  const fields: readonly Partial<Turn>[] = [
    { reasoning_content: thought },
    { thinking: thought },
    { content: [{ type: "thinking", thinking: thought }, { type: "text", text: content }] },
    { reasoning: thought },
  ];
  for (const kwargs of [{}, THINKING[0]]) {
    for (const field of fields) {
      const turn = { role: "assistant", content, ...field };
      const text = prober.answer([turn], [], { kwargs });
      const found = text === undefined ? undefined : around(text);
      if (found) return found;
    }
  }
  const [field] = fields;
  const turn = { ...callTurn([FIRST], false, ""), ...field };
  const text = prober.answer([turn], TOOLS, { kwargs: THINKING[0] });
  const at = text?.indexOf(thought) ?? -1;
  if (text === undefined || at < 0) return undefined;
  const after = text.slice(at + thought.length).trim();
  return { before: text.slice(0, at), after, isWhole: false, content: undefined };
}

function around(text: string): ThoughtInHistory | undefined {
  const { thought, content } = TEXTS;
  const at = text.indexOf(thought);
  const contentAt = text.indexOf(content);
  if (at < 0 || contentAt < at) return undefined;
  const after = text.slice(at + thought.length, contentAt).trim();
  // A template that knows no such part writes it as data.
  if (after === "" || /["']type["']/.test(text)) return undefined;
  return { before: text.slice(0, at), after, isWhole: true, content: contentMarks(text) };
}

/** Marks around an answer's text: one before that is closed right after it. */
function contentMarks(text: string): Syntax["content"] {
  const at = text.indexOf(TEXTS.content);
  const before = text.slice(0, at).trimEnd();
  const after = text.slice(at + TEXTS.content.length).trimStart();
  for (let from = before.length - 1; from >= 0; from--) {
    if (!/[<[]/.test(before[from]!)) continue;
    const open = before.slice(from);
    const close = mirrors(open).find((mirror) => after.startsWith(mirror));
    if (close !== undefined) return { open, close };
  }
  return undefined;
}

/** What ends an answer. */
function endMarks(plain: string | undefined, close: string, marks: MarkText): string[] {
  const at = plain?.indexOf(TEXTS.content) ?? -1;
  if (plain === undefined || at < 0) return [];
  let after = plain.slice(at + TEXTS.content.length).trimStart();
  if (after.startsWith(close)) after = after.slice(close.length).trimStart();
  const [end] = marks.split(after);
  return end !== undefined && /^[<[].*[>\]]$/.test(end) ? [end] : [];
}

/** Marks of a thought that prompts open, or open and close. */
function thoughtInPrompt(
  tails: readonly string[],
  marks: MarkText,
): { open: string; close: string } | undefined {
  for (const tail of tails) {
    const [open, close, ...others] = marks.split(tail);
    if (open !== undefined && close !== undefined && others.length === 0) return { open, close };
  }
  for (const tail of tails) {
    const close = mirrors(tail).find((mirror) => tails.includes(mirror)) ?? mirrors(tail)[0];
    if (close !== undefined && !tail.startsWith("</")) return { open: tail, close };
  }
  return undefined;
}

/** Marks that a template's instructions name where thinking is on: `<think></think>`. */
function tellingOf(
  prober: Prober,
): { thought: { open: string; close: string }; content: Syntax["content"] } | undefined {
  const [on, off] = THINKING.map((kwargs) =>
    prober.whole([USER], [], { addGenerationPrompt: true, kwargs }) ?? ""
  );
  const pairs = [...on!.matchAll(/<(\w+)><\/\1>/g)]
    .filter(([pair]) => !off!.includes(pair))
    .map(([, word]) => ({ open: `<${word}>`, close: `</${word}>` }));
  return pairs[0] === undefined ? undefined : { thought: pairs[0], content: pairs[1] };
}
