import type { ModelFit } from "#shared/contracts/mod.ts";
import { type LoadPlan, planLoad } from "./placement.ts";
import { sitesOf } from "./sites.ts";
import type { State } from "./state.ts";
import { holdersOf } from "./workers.ts";

/** Whether a model fits, and why not, for each place of the pools in service that have it. */
export function fits(state: Readonly<State>, fingerprint: string, now: number): ModelFit[] {
  return sitesOf(state, fingerprint).map(({ pool, device, needed, free }) => {
    const base = {
      pool_id: pool.id,
      device: device.id,
      needed_bytes: needed,
      free_bytes: Math.max(0, free),
    };
    for (const { poolId, report } of holdersOf(state, fingerprint)) {
      const isHere = poolId === pool.id && report.device === device.id;
      if (isHere && report.state === "ready") return { ...base, fits: "loaded" };
    }
    const place = { fingerprint, poolId: pool.id, device: device.id };
    const named = device.asked_only ? { reason: "only when it is named" } : {};
    return { ...base, ...named, ...describePlan(planLoad(state, place, 0, now)) };
  });
}

function describePlan(plan: LoadPlan): Pick<ModelFit, "fits" | "reason"> {
  switch (plan.kind) {
    case "spawn":
      return { fits: "now" };
    case "evict": {
      const names = plan.victims.map(({ report }) => report.worker_id).join(", ");
      return { fits: "evicting", reason: `once idle workers are stopped: ${names}` };
    }
    case "yield":
      return { fits: "later", reason: "once busy workers are stopped" };
    case "wait":
      return { fits: "later", reason: plan.reason };
    case "impossible":
      return { fits: "never", reason: plan.message };
  }
}
