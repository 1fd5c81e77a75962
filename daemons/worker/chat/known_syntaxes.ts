import type { CallSyntax, MessageSyntax } from "./syntax.ts";

/** A syntax of which templates do not tell enough. */
export interface KnownSyntax {
  /** A mark that a template of such a model writes. */
  readonly mark: string;
  readonly messages?: MessageSyntax;
  readonly calls?: CallSyntax;
}

const LITERAL_CALLS: CallSyntax = {
  ...{ opens: ["<|tool_call_start|>"], closes: ["<|tool_call_end|>"], before: "" },
  form: { kind: "literal", open: "(", separator: "=", quote: "" },
};

/** Syntaxes that rendering a template does not show. */
export const KNOWN_SYNTAXES: readonly KnownSyntax[] = [
  // Channels and recipients: a template shows some of them only.
  {
    mark: "<|message|>",
    messages: {
      ...{ start: "<|start|>", body: "<|message|>", channel: "<|channel|>", recipient: "to=" },
      ends: ["<|end|>", "<|call|>", "<|return|>", "<|eom|>", "<|eot|>"],
      ...{ thoughts: ["analysis", "self"], texts: ["final", "commentary", "user", "all"] },
    },
  },
  {
    mark: ">>>all\n",
    messages: {
      ...{ start: ">>>", body: "\n", ends: [], channel: "", recipient: "" },
      ...{ thoughts: [], texts: ["all"] },
    },
  },
  // Calls of the past are written as the client gave them, in the text.
  { mark: "<|tool_list_start|>", calls: LITERAL_CALLS },
  { mark: "List of tools: [", calls: LITERAL_CALLS },
  {
    mark: "<|tool_call|>",
    calls: {
      ...{ opens: ["<|tool_call|>", "<tool_call>"], closes: ["</tool_call>"], before: "" },
      form: { kind: "json", names: ["name"], arguments: ["arguments"] },
    },
  },
];

/** Calls as the description of tools asks for that stands in for a template's own. */
export const USUAL_CALLS: CallSyntax = {
  ...{ opens: ["<tool_call>"], closes: ["</tool_call>"], before: "" },
  form: { kind: "json", names: ["name"], arguments: ["arguments"] },
};
