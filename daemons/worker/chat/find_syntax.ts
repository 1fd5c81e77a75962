import { findCalls } from "./find_calls.ts";
import { findThought } from "./find_thought.ts";
import { KNOWN_SYNTAXES, USUAL_CALLS } from "./known_syntaxes.ts";
import { MarkText } from "./mark_text.ts";
import { Prober, TEXTS, TOOLS, USER } from "./probe.ts";
import type { Render } from "./render.ts";
import { type Syntax, type ThoughtSyntax, withMarks } from "./syntax.ts";

/**
 * Finds how a model writes thoughts and calls: it renders the model's template with and without
 * them and compares the texts.
 *
 * @param specials texts of the vocabulary's control and user-defined tokens; they show where
 *   a mark begins
 */
export function findSyntax(render: Render, specials: readonly string[] = []): Syntax {
  const prober = new Prober(render);
  const marks = new MarkText(specials.filter((text) => text.trim() !== ""));
  const surroundings = findThought(prober, marks);
  const { thought, content, ends } = surroundings;
  const written = [
    prober.whole([USER, { role: "assistant", content: TEXTS.content }]) ?? "",
    prober.whole([USER], TOOLS, { addGenerationPrompt: true }) ?? "",
    ...specials,
  ].join("\n");
  const known = KNOWN_SYNTAXES.find(({ marks, messages }) =>
    marks.some((mark) => written.includes(mark)) && written.includes(messages?.body ?? "")
  );
  const messages = known?.messages;
  const calls = known?.calls ?? findCalls(prober, marks, surroundings, messages);
  if (messages) {
    return withMarks({ messages, ends: [], ...(calls?.before ? { calls } : {}) });
  }
  return withMarks({
    ...(thought ? { thought: knownThought(thought, specials) } : {}),
    ...(content ? { content } : {}),
    calls: calls ?? USUAL_CALLS,
    ends,
  });
}

function knownThought(thought: ThoughtSyntax, specials: readonly string[]): ThoughtSyntax {
  const { opens, isGuess } = thought;
  const isUnknown = isGuess && !opens.some((open) => specials.includes(open));
  return {
    opens,
    closes: withShorter(thought, specials),
    ...(isUnknown ? { isGuess } : {}),
  };
}

/**
 * Ends of thoughts, and what is left of them where a call follows and not the text: without the control
 * token that begins the text.
 */
function withShorter({ opens, closes }: ThoughtSyntax, specials: readonly string[]): string[] {
  const shorter = closes.flatMap((close) => {
    const last = specials.find((text) => close.endsWith(text) && close.length > text.length);
    // What ends the opening mark, too, does not begin the text.
    const isWhole = last === undefined || opens.some((open) => open.endsWith(last));
    return isWhole ? [] : [close.slice(0, -last.length)];
  });
  return [...closes, ...shorter.filter((close) => specials.some((text) => close.includes(text)))];
}
