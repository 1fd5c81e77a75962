import type { Turn } from "./render.ts";
import type { ThoughtSyntax } from "./syntax.ts";
import { textOf } from "./turns.ts";

/** The turn, a mark at the end of its text. */
export function withMarkInText(turn: Turn, mark: string): Turn {
  if (typeof turn.content === "string") return { ...turn, content: turn.content + mark };
  const thoughts = turn.content.filter((part) => part.type === "thinking");
  return { ...turn, content: [...thoughts, { type: "text", text: textOf(turn) + mark }] };
}

/** The turn, a mark at the end of its thoughts, wherever templates read them. */
export function withMarkInThought(turn: Turn, mark: string): Turn {
  const { content, reasoning_content, reasoning, thinking } = turn;
  const ended = (text: string | undefined) => text === undefined ? undefined : text + mark;
  return {
    ...turn,
    content: typeof content === "string"
      ? content
      : content.map((part) =>
        part.type === "thinking" ? { ...part, thinking: part.thinking + mark } : part
      ),
    reasoning_content: ended(reasoning_content),
    reasoning: ended(reasoning),
    thinking: ended(thinking),
  };
}

/** The thoughts of a turn. */
export function thoughtsOf({ content, reasoning_content }: Turn): string {
  if (typeof content === "string") return reasoning_content ?? "";
  return content.map((part) => part.type === "thinking" ? part.thinking : "").join("");
}

/** Whether a prompt ends in these thoughts, which a mark opens. */
export function endsInThought(prompt: string, thoughts: string, { opens }: ThoughtSyntax): boolean {
  const begun = thoughts.trimStart();
  return prompt.endsWith(begun) &&
    (opens.length === 0 || endsInOpen(prompt.slice(0, prompt.length - begun.length), opens));
}

/** A prompt for an answer that begins with these thoughts. A thought that is over is opened again. */
export function withThought(prompt: string, thoughts: string, syntax: ThoughtSyntax): string {
  const { opens, closes } = syntax;
  const [open] = opens;
  if (open === undefined || endsInOpen(prompt, opens)) return prompt + thoughts;
  const close = closes.find((mark) => prompt.trimEnd().endsWith(mark.trimEnd()));
  const at = close === undefined ? -1 : prompt.lastIndexOf(open, prompt.lastIndexOf(close));
  const between = at < 0 ? "" : prompt.slice(at + open.length, prompt.lastIndexOf(close!));
  const before = at >= 0 && between.trim() === "" ? prompt.slice(0, at) : prompt;
  return `${before}${open}\n${thoughts}`;
}

/**
 * A prompt that ends with the text of a turn. Some templates open a thought before it: that is closed, since
 * the text is the answer's.
 */
export function outOfThought(
  prompt: string,
  turn: Turn,
  { opens, closes }: ThoughtSyntax,
): string {
  const text = textOf(turn).trim();
  const [close] = closes;
  if (text === "" || close === undefined || !prompt.endsWith(text)) return prompt;
  const before = prompt.slice(0, prompt.length - text.length);
  return endsInOpen(before, opens) ? before + close + text : prompt;
}

/**
 * The beginning of an answer that continues this turn's text, in which a mark of thoughts is text: a
 * character that no mark has stands in it.
 */
export function withTextOf(turn: Turn, start: string, thought: ThoughtSyntax | undefined): string {
  const text = textOf(turn).trim();
  const at = start.lastIndexOf(text);
  if (text === "" || at < 0) return start;
  const marks = [...thought?.opens ?? [], ...thought?.closes ?? []];
  const broken = marks.reduce(
    (said, mark) => said.replaceAll(mark, `${mark.slice(0, 1)}\ue000${mark.slice(1)}`),
    start.slice(at),
  );
  return start.slice(0, at) + broken;
}

function endsInOpen(text: string, opens: readonly string[]): boolean {
  return opens.some((open) => text.trimEnd().endsWith(open.trimEnd()));
}
