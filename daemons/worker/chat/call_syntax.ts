/** How a model writes calls: `tagged` anywhere in the text, or `bare` JSON as the whole text. */
export type CallSyntax = "tagged" | "bare";

/** The tags of {@linkcode CallSyntax} `tagged`. */
export const CALL_TAGS = { open: "<tool_call>", close: "</tool_call>" } as const;
