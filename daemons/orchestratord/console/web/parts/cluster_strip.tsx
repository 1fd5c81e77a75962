import type { ClusterView } from "#shared/contracts/mod.ts";
import { useEffect, useState } from "preact/hooks";
import { useFetch } from "../hooks.ts";
import { Badge } from "./badge.tsx";
import { Name } from "./name.tsx";

/** How often it is asked who leads, in ms. */
const PERIOD_MS = 3_000;

type Replica = ClusterView["replicas"][number];

/** The orchestrators on this database, if there can be several. */
export function ClusterStrip() {
  const [round, next] = useState(0);
  const { value: cluster, error } = useFetch<ClusterView>("/v2/cluster", round);
  // An orchestrator that is alone stays alone until it restarts; the page then asks again.
  const mayChange = cluster !== undefined && !cluster.is_alone;
  useEffect(() => {
    if (!mayChange) return;
    const timer = setInterval(() => {
      if (!document.hidden) next((round) => round + 1);
    }, PERIOD_MS);
    return () => clearInterval(timer);
  }, [mayChange]);
  if (!mayChange) return null;
  return (
    <section class="strip" aria-label="Orchestrators">
      <ul>
        {cluster.replicas.map((replica) => (
          <li key={replica.replica_id} title={`Version ${replica.version}, ${replica.url}`}>
            <Name>{replica.replica_id}</Name> <Badge>{stateOf(replica)}</Badge>
            {!replica.has_leaders_settings && <Badge>other settings</Badge>}
          </li>
        ))}
      </ul>
      {error !== undefined
        ? <p class="bad-text">Who leads cannot be seen now: {error}</p>
        : cluster.leader === undefined && (
          <p class="bad-text">None of them leads: requests wait, then get 503.</p>
        )}
    </section>
  );
}

function stateOf({ role, state }: Replica): string {
  return role === "follower" && state === "silent" ? state : role;
}
