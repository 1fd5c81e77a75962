import type { LlamaCase } from "./llama_cases.ts";

/** Words of marks and what they are exchanged for. */
const WORDS: readonly (readonly [RegExp, string])[] = [
  [/\bmm:think\b/g, "ponder"],
  [/\bthink\b(?=[>|])/g, "ponder"],
  [/\b(?:minimax:)?tool_calls?\b(?=[>|])/g, "deed"],
  [/(?<=<\/?)function\b/g, "act"],
  [/(?<=<\/?)parameter\b/g, "slot"],
  [/(?<=<\/?)invoke\b/g, "run"],
  [/\barg_key\b/g, "label"],
  [/\barg_value\b/g, "worth"],
  [/tool▁calls▁begin/g, "deeds▁open"],
  [/tool▁calls▁end/g, "deeds▁shut"],
  [/tool▁call▁begin/g, "deed▁open"],
  [/tool▁call▁end/g, "deed▁shut"],
  [/tool▁sep/g, "with"],
  [/tool_calls_section_begin/g, "deeds_on"],
  [/tool_calls_section_end/g, "deeds_off"],
  [/tool_call_argument_begin/g, "deed_given"],
  [/tool_call_begin/g, "deed_on"],
  [/tool_call_end/g, "deed_off"],
  [/TOOL_CALLS/g, "DEEDS"],
  [/\bTHINK\b/g, "PONDER"],
  [/\bARGS\b/g, "GIVEN"],
  [/(?<=<\|)channel\b|\bchannel(?=\|>)/g, "aside"],
];

/** A text with other words in its marks. */
export function exchanged(text: string): string {
  return WORDS.reduce((whole, [word, other]) => whole.replaceAll(word, other), text);
}

/** A case with other words in its marks. */
export function exchangedCase(test: LlamaCase): LlamaCase {
  const { content, reasoning, calls } = test.expected;
  return {
    ...test,
    input: exchanged(test.input),
    expected: { content: exchanged(content), reasoning: exchanged(reasoning), calls },
  };
}
