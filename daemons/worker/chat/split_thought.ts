import type { Message } from "#shared/contracts/request.ts";
import type { Syntax } from "./syntax.ts";

/**
 * The message with the thought at the beginning of its text apart, as clients send it back that got
 * the model's own text.
 */
export function splitThought(message: Message, { thought }: Syntax): Message {
  if (message.role !== "assistant" || message.reasoning_content !== undefined) return message;
  const { content } = message;
  const text = content.trimStart();
  const open = thought?.opens.find((mark) => text.startsWith(mark));
  if (open === undefined) return message;
  const ends = thought!.closes.map((mark) => ({ mark, at: text.indexOf(mark, open.length) }))
    .filter(({ at }) => at >= 0).sort((a, b) => a.at - b.at);
  const [end] = ends;
  if (!end) return message;
  return {
    ...message,
    reasoning_content: text.slice(open.length, end.at).trim(),
    content: text.slice(end.at + end.mark.length).trimStart(),
  };
}
