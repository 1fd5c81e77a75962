import { LlorchError } from "#shared/errors.ts";

/** When a client may ask again, in ms. */
const RETRY_AFTER_MS = 1_000;

/**
 * A write that must not be: others may have taken over the jobs of this start. Nothing was written, and nobody
 * may be shown anything of it.
 */
export class Fenced extends LlorchError {
  constructor(message = "Another orchestrator may continue the jobs of this one") {
    super("NOT_READY", message, { retryAfterMs: RETRY_AFTER_MS });
  }
}
