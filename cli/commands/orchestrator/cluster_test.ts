import assert from "node:assert/strict";
import type { ClusterView } from "#shared/contracts/cluster.ts";
import { notesOn, renderCluster } from "./cluster.ts";

const replica = (at: number, fields: Partial<ClusterView["replicas"][number]> = {}) => ({
  replica_id: `o${at}`,
  url: `http://10.0.0.${at}:8080`,
  version: "0.1.0",
  start: 10 + at,
  role: "follower" as const,
  state: "alive" as const,
  left_ms: 2900,
  has_leaders_settings: true,
  ...fields,
});

const three: ClusterView = {
  is_alone: false,
  answered_by: "o2",
  term: 4,
  leader: "o1",
  lease_left_ms: 2800,
  replicas: [
    replica(1, { role: "leader" }),
    replica(2, { has_leaders_settings: false }),
    replica(3, { state: "silent", left_ms: -61_000 }),
  ],
};

Deno.test("cluster shows who leads, who is silent, and whose settings differ", () => {
  assert.equal(
    renderCluster(three, undefined),
    [
      "NAME  ROLE      STATE                 VERSION  START  SETTINGS  URL",
      "o1    leader    alive                 0.1.0    11     same      http://10.0.0.1:8080",
      "o2    follower  alive                 0.1.0    12     differ    http://10.0.0.2:8080",
      "o3    follower  silent for 1 min 1 s  0.1.0    13     same      http://10.0.0.3:8080",
      "",
    ].join("\n"),
  );
  assert.deepEqual(notesOn(three), [
    "Other settings than the leader's: o2; they would count if one of these led",
  ]);
});

Deno.test("cluster says when nobody leads", () => {
  const { leader: _, ...none } = three;
  const followers = none.replicas.map((each) => ({
    ...each,
    role: "follower" as const,
    has_leaders_settings: true,
  }));
  assert.deepEqual(notesOn({ ...none, replicas: followers }), [
    "None of them leads: requests wait, then get 503",
  ]);
});
