import { CALL_TAGS } from "./call_tags.ts";
import type { CallSyntax, MessageSyntax } from "./syntax.ts";

/** A syntax that rendering a template does not show, or not wholly. */
export interface KnownSyntax {
  /** Texts of which a template of such a model writes one, or its vocabulary has one. */
  readonly marks: readonly string[];
  readonly messages?: MessageSyntax;
  readonly calls?: CallSyntax;
}

/** Messages with a recipient, most with a channel. */
const ADDRESSED: Omit<MessageSyntax, "ends" | "headers"> = {
  ...{ start: "<|start|>", body: "<|message|>", channel: "<|channel|>", recipient: "to=" },
  ...{ thoughts: ["analysis", "self"], texts: ["final", "commentary", "user", "all"] },
};

/** Syntaxes that rendering a template does not show. */
export const KNOWN_SYNTAXES: readonly KnownSyntax[] = [
  // Channels and recipients: a template shows only some of them.
  {
    marks: ["<|channel|>"],
    messages: {
      ...ADDRESSED,
      ends: ["<|end|>", "<|call|>", "<|return|>", "<|eom|>", "<|eot|>"],
      headers: {
        ...{ role: "assistant", thought: "<|channel|>analysis", text: "<|channel|>final" },
        call: ["<|channel|>commentary to=functions.", " <|constrain|>json"],
      },
    },
  },
  {
    marks: ["<|message|>"],
    messages: {
      ...ADDRESSED,
      ends: ["<|eom|>", "<|eot|>", "<|end|>", "<|call|>", "<|return|>"],
      headers: {
        ...{ role: "assistant", thought: " to=self", text: " to=user" },
        call: [" to=", ""],
      },
    },
  },
  {
    marks: [">>>all\n"],
    messages: {
      ...{ start: ">>>", body: "\n", ends: [], channel: "", recipient: "" },
      ...{ thoughts: [], texts: ["all"] },
      headers: { role: "", text: "all", call: ["", ""] },
    },
  },
  // Calls of the past are written as the client gave them, in the text.
  {
    marks: ["<|tool_call_start|>", "<|tool_list_start|>", "List of tools: ["],
    calls: {
      ...{ opens: ["<|tool_call_start|>"], closes: ["<|tool_call_end|>"], before: "" },
      lead: "<|tool_call_start|>[",
      form: { kind: "literal", open: "(", separator: "=", quote: "" },
    },
  },
  {
    marks: ["<|tool_call|>"],
    calls: {
      ...{ opens: ["<|tool_call|>", "<tool_call>"], closes: ["</tool_call>"], before: "" },
      lead: "<|tool_call|>[",
      form: { kind: "json", names: ["name"], arguments: ["arguments"] },
    },
  },
];

/** Calls as the description of tools asks for that stands in for a template's own. */
export const USUAL_CALLS: CallSyntax = {
  ...{ opens: [CALL_TAGS.open], closes: [CALL_TAGS.close], before: "" },
  lead: `${CALL_TAGS.open}\n`,
  form: { kind: "json", names: ["name"], arguments: ["arguments"] },
};
