import { AGENT_CONTEXT } from "#shared/defaults.ts";
import { MOST_FITTING } from "#shared/models/fitting_context.ts";

/** How a model was loaded with the context that fits. */
export interface LocalLoad {
  /** Tokens per slot. */
  readonly context: number;
  readonly slots: number;
  /** Memory that it takes. */
  readonly memory_bytes: number;
  readonly device: string;
  /** Tokens that the model was trained for; 0 if its file does not say. */
  readonly own: number;
}

/** Says in one line which context was chosen, and why. */
export function describeContext({ context, slots, memory_bytes, device, own }: LocalLoad): string {
  const isMemory = context < Math.min(own, MOST_FITTING);
  const why = isMemory
    ? "what fits into memory"
    : context < own
    ? "the model could do more"
    : "the model's own";
  const each = slots === 1 ? "" : ` for each of ${slots} slots`;
  const fix = isMemory && slots > 1 ? ": fewer --slots leave more for each" : "";
  const agents = context < AGENT_CONTEXT ? `; agents need ${AGENT_CONTEXT}${fix}` : "";
  const size = (memory_bytes / 2 ** 30).toFixed(1);
  return `context         ${context} tokens${each}, ${own === 0 ? "the default" : why}: ` +
    `${size} GiB of ${device}; --context sets another${agents}`;
}
