/** How a model writes calls: between tags, anywhere; or as bare JSON, which is then all it says. */
export type CallSyntax = "tagged" | "bare";

/** The tags of {@linkcode CallSyntax} `tagged`. */
export const CALL_TAGS = { open: "<tool_call>", close: "</tool_call>" } as const;
