import type { Syntax } from "../../chat/syntax.ts";

/** What an answer begins in, after its prompt. */
export interface PromptState {
  /** The open thought with its mark; undefined if none is open. */
  readonly thought: { readonly text: string; readonly isContinued: boolean } | undefined;
  /** Whether the mark before the answering text was written. */
  readonly inContent: boolean;
  /** Whether some of the answering text was written. */
  readonly continuesText: boolean;
  /** Whether a thought was closed, and nothing was written after it. */
  readonly isClosed: boolean;
}

/** Tells from the prompt's end what the answer begins in. */
export function promptState(promptEnd: string, { thought, content }: Syntax): PromptState {
  const opened = lastOf(promptEnd, thought?.opens ?? []);
  const closed = lastOf(promptEnd, thought?.closes ?? []);
  const wrapped = lastOf(promptEnd, content ? [content.open] : []);
  const [openedAt, closedAt, wrappedAt] = [opened, closed, wrapped].map((last) => last?.at ?? -1);
  const after = (last: Last) => promptEnd.slice(last.at + last.mark.length).trim();
  if (opened && openedAt! > Math.max(closedAt!, wrappedAt!)) {
    const isContinued = after(opened) !== "";
    const text = promptEnd.slice(opened.at);
    return {
      thought: { text, isContinued },
      ...{ inContent: false, continuesText: false, isClosed: false },
    };
  }
  const inContent = wrapped !== undefined && wrappedAt! > closedAt!;
  const last = inContent ? wrapped : closed;
  const continuesText = last !== undefined && after(last) !== "";
  const isClosed = closed !== undefined && !continuesText;
  return { thought: undefined, inContent, continuesText, isClosed };
}

interface Last {
  readonly at: number;
  readonly mark: string;
}

/** The last of some marks in a text. */
function lastOf(text: string, marks: readonly string[]): Last | undefined {
  let last: Last | undefined;
  for (const mark of marks) {
    const at = text.lastIndexOf(mark);
    if (at > (last?.at ?? -1)) last = { at, mark };
  }
  return last;
}
