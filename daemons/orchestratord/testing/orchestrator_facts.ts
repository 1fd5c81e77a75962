import type { OrchestratorFacts } from "../metrics.ts";

/** What metrics show besides the scheduler's state, of an orchestrator that is alone. */
export function factsOf(state: OrchestratorFacts["state"]): OrchestratorFacts {
  return {
    state,
    isReady: () => true,
    size: () => ({ bytes: 0, freeBytes: 0, logBytes: 0, canShrink: true }),
    imageBytes: () => 0,
    term: () => undefined,
    leads: () => true,
    replicas: () => Promise.resolve({ alive: 1, silent: 0 }),
  };
}
