import type { TextMessage } from "#shared/contracts/request.ts";
import type { Syntax } from "./syntax.ts";

/** A message, its thoughts apart from its text. */
export interface SplitMessage {
  readonly message: TextMessage;
  /** Whether it is an answer that ends within its thought. */
  readonly isOpen: boolean;
}

/**
 * Takes the thought at the beginning of a text apart, as clients send it back that got the model's own
 * text. A thought without its end, or without text behind it, was cut off.
 */
export function splitThought(message: TextMessage, { thought, messages }: Syntax): SplitMessage {
  const whole = { message, isOpen: false };
  if (message.role !== "assistant") return whole;
  const isKnown = messages
    ? messages.thoughts.length > 0
    : thought !== undefined && !thought.isGuess;
  const { content, reasoning_content: thoughts, tool_calls: calls } = message;
  if (thoughts !== undefined) {
    return { message, isOpen: isKnown && thoughts !== "" && content === "" && !calls };
  }
  const text = content.trimStart();
  const open = thought?.opens.find((mark) => text.startsWith(mark));
  if (open === undefined) return whole;
  const ends = thought!.closes.map((mark) => ({ mark, at: text.indexOf(mark, open.length) }))
    .filter(({ at }) => at >= 0).sort((a, b) => a.at - b.at);
  const [end] = ends;
  if (end) {
    const split = {
      reasoning_content: text.slice(open.length, end.at).trim(),
      content: text.slice(end.at + end.mark.length).trimStart(),
    };
    return { message: { ...message, ...split }, isOpen: false };
  }
  // A model that may not think says it of its own accord.
  if (!isKnown) return whole;
  const begun = text.slice(open.length).trimStart();
  return { message: { ...message, reasoning_content: begun, content: "" }, isOpen: !calls };
}
