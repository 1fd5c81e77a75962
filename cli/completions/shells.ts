/** Shells that have a completion script. */
export const SHELLS = ["bash", "zsh", "fish", "powershell"] as const;

/** A shell that has a completion script. */
export type Shell = typeof SHELLS[number];

/** Names that a completion script asks for: `llorch completions --values models`. */
export const VALUE_KINDS = ["models", "catalog", "hosts", "jobs"] as const;

/** Names that a completion script asks for. */
export type ValueKind = typeof VALUE_KINDS[number];
