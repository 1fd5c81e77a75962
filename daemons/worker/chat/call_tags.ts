/** Tags around calls for models whose template describes no tools. */
export const CALL_TAGS = { open: "<tool_call>", close: "</tool_call>" } as const;
