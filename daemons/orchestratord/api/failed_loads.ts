import type { Clock } from "#shared/clock.ts";
import type { FailedLoad } from "#shared/contracts/mod.ts";
import { breakerKey, type State } from "../scheduler/state.ts";

/** The pools where the last load of a model failed, with the time before which it is not tried again. */
export function failedLoads(
  { pools, breakers }: Readonly<State>,
  fingerprint: string,
  clock: Pick<Clock, "now" | "steady">,
): FailedLoad[] {
  const wall = (steady: number) =>
    new Date(clock.now() + Math.round(steady - clock.steady())).toISOString();
  return [...pools.keys()].flatMap((pool_id) => {
    const breaker = breakers.get(breakerKey(pool_id, fingerprint));
    if (!breaker) return [];
    const { failures, lastError: error, retryAt } = breaker;
    return [{ pool_id, failures, error, retry_at: wall(retryAt) }];
  });
}
