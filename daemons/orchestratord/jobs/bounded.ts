import { countTokens, overflow } from "./admission.ts";
import type { RunAttempt } from "./relay.ts";

/** How long a worker may count the tokens of a prompt, in ms. */
const COUNT_MS = 10_000;

/**
 * Holds the attempts of a job to a smaller context than its worker has: prompt and answer together have
 * at most `context` tokens.
 */
export function bounded(run: RunAttempt, context: number | undefined): RunAttempt {
  if (context === undefined) return run;
  return async (options) => {
    const { client, request, signal, correlationId } = options;
    const how = { signal, timeoutMs: COUNT_MS, correlationId };
    const count = await countTokens(request, client, how);
    if (count === undefined) {
      return { kind: "lost", message: "The worker did not count the prompt", brokeOff: true };
    }
    if (count >= context) return { kind: "failed", error: overflow(count, context) };
    const most = context - count;
    const max_tokens = Math.min(request.max_tokens ?? most, most);
    return await run({ ...options, request: { ...request, max_tokens } });
  };
}
