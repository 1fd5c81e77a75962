import { findCalls } from "./find_calls.ts";
import { findThought } from "./find_thought.ts";
import { KNOWN_SYNTAXES, USUAL_CALLS } from "./known_syntaxes.ts";
import { MarkText } from "./mark_text.ts";
import { Prober, TEXTS, TOOLS, USER } from "./probe.ts";
import type { Render } from "./render.ts";
import { type Syntax, withMarks } from "./syntax.ts";

/**
 * Finds how a model writes thoughts and calls: it renders the model's template with and without
 * them and compares the texts.
 *
 * @param specials texts of the vocabulary's control and user-defined tokens; they help to tell where
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
  const known = KNOWN_SYNTAXES.find((each) => each.marks.some((mark) => written.includes(mark)));
  const messages = known?.messages;
  const calls = known?.calls ?? findCalls(prober, marks, surroundings, messages);
  if (messages) {
    return withMarks({ messages, ends: [], ...(calls?.before ? { calls } : {}) });
  }
  return withMarks({
    ...(thought ? { thought } : {}),
    ...(content ? { content } : {}),
    calls: calls ?? USUAL_CALLS,
    ends,
  });
}
