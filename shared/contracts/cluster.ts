import { z } from "zod";
import { defineRoute } from "./route.ts";

/** One orchestrator of several, or the only one. */
const replicaView = z.object({
  replica_id: z.string(),
  url: z.string().meta({ description: "Where the others reach it" }),
  version: z.string(),
  start: z.number().int().meta({ description: "Number of its start; later ones are higher" }),
  role: z.enum(["leader", "follower"]),
  state: z.enum(["alive", "silent"]).meta({
    description: "silent: it has not reported for longer than it may",
  }),
  left_ms: z.number().int().optional().meta({
    description: "For how long it counts as alive without another report; below 0: how long not",
  }),
  has_leaders_settings: z.boolean().meta({
    description: "Whether it would decide by the same settings as the one that leads",
  }),
});

/** Reply to `GET /v2/cluster`. */
export const clusterView = z.object({
  is_alone: z.boolean().meta({ description: "The database is SQLite: there can be no others" }),
  answered_by: z.string().meta({ description: "Which orchestrator answers" }),
  term: z.number().int().optional().meta({
    description: "Number of the leadership; each one has a higher number than the one before it",
  }),
  leader: z.string().optional().meta({
    description: "replica_id of the one that leads; absent: nobody does",
  }),
  lease_left_ms: z.number().int().optional().meta({
    description: "For how long it leads without another renewal; below 0: it does not any more",
  }),
  replicas: z.array(replicaView),
}).meta({ id: "Cluster" });

/** The orchestrators on one database. */
export type ClusterView = z.output<typeof clusterView>;

/** What orchestrators say of each other. */
export const clusterRoutes = {
  cluster: defineRoute({
    method: "GET",
    path: "/v2/cluster",
    summary: "The orchestrators on this database, and which one leads",
    tag: "orchestratord",
    role: "operator",
    status: 200,
    reply: clusterView,
    kind: "json",
    errors: ["NOT_READY"],
  }),
};
