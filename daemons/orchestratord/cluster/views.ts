import type { ClusterView } from "#shared/contracts/mod.ts";
import { VERSION } from "#shared/version.ts";
import type { Store } from "../store/job_store.ts";

/** Dependencies of {@linkcode ClusterViews}. */
export interface ClusterViewsDeps {
  readonly store: Pick<Store, "members">;
  /** Name of this orchestrator among those of the database. */
  readonly replicaId: string;
  /** Where the others reach this one. */
  readonly url: () => string;
  /** Number of this start; undefined while it has none. */
  readonly start: () => number | undefined;
  /** Where the one that leads is; undefined: none is known, or there can be no other. */
  readonly leaderUrl: () => string | undefined;
}

/** Shows which orchestrators there are. */
export class ClusterViews {
  readonly #deps: ClusterViewsDeps;

  constructor(deps: ClusterViewsDeps) {
    this.#deps = deps;
  }

  get leaderUrl(): string | undefined {
    return this.#deps.leaderUrl();
  }

  /** @throws {LlorchError} `NOT_READY` if the database cannot be read */
  async view(): Promise<ClusterView> {
    const { store, replicaId, url, start } = this.#deps;
    const members = await store.members();
    if (!members) {
      return {
        is_alone: true,
        answered_by: replicaId,
        leader: replicaId,
        replicas: [{
          ...{ replica_id: replicaId, url: url(), version: VERSION, start: start() ?? 0 },
          ...{ role: "leader", state: "alive", has_leaders_settings: true },
        }],
      };
    }
    const { term, leader, leaseLeftMs, replicas } = members;
    const leads = leaseLeftMs > 0
      ? replicas.find((replica) => replica.start === leader)
      : undefined;
    const policy = leads?.policySha256;
    return {
      is_alone: false,
      answered_by: replicaId,
      term,
      ...(leads ? { leader: leads.replicaId } : {}),
      lease_left_ms: leaseLeftMs,
      replicas: replicas.map((replica) => ({
        replica_id: replica.replicaId,
        url: replica.url,
        version: replica.version,
        start: replica.start,
        role: replica === leads ? "leader" : "follower",
        state: replica.leftMs > 0 ? "alive" : "silent",
        left_ms: replica.leftMs,
        has_leaders_settings: policy === undefined || replica.policySha256 === policy,
      })),
    };
  }
}
