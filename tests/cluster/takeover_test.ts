/**
 * Several orchestrators on one database: one leads, and another one takes over when it is gone.
 *
 * @module
 */
import assert from "node:assert/strict";
import { WHY_NO_POSTGRES } from "../support/postgres.ts";
import { until, within } from "../support/stack.ts";
import { read, readOn, submit, withCluster } from "./cluster.ts";

const TOKENS = 400;
const ROUNDS = 3;

const SKIPPED = WHY_NO_POSTGRES ? ` (skipped: ${WHY_NO_POSTGRES})` : "";

Deno.test({
  name: `a job goes on exactly at the next leader when its orchestrator is killed${SKIPPED}`,
  ignore: WHY_NO_POSTGRES !== undefined,
  fn: (t) =>
    withCluster(async (cluster) => {
      const { orchestrators, leader, follower, again } = cluster;
      for (let round = 1; round <= ROUNDS; round++) {
        await t.step(`round ${round}`, async () => {
          const first = await leader();
          const jobId = await submit((await follower()).url, TOKENS);
          const before = await read(first.url, jobId, 0, 20);
          assert.equal(before.length, 20);
          first.program.kill("SIGKILL");
          await within(first.program.status, "the leader has ended");
          assert.notEqual((await leader()).url, first.url);
          await readOn(cluster, jobId, TOKENS, before);
          await again(orchestrators.indexOf(first));
        });
      }
    }),
});

Deno.test({
  name: `a leader that stands still is replaced, and has nothing to say when it goes on${SKIPPED}`,
  ignore: WHY_NO_POSTGRES !== undefined,
  fn: () =>
    withCluster(async (cluster) => {
      const first = await cluster.leader();
      const jobId = await submit(first.url, TOKENS);
      const before = await read(first.url, jobId, 0, 20);
      first.program.kill("SIGSTOP");
      const others = cluster.orchestrators.filter((one) => one !== first);
      try {
        const next = await cluster.leader();
        assert.notEqual(next.url, first.url);
        await readOn({ orchestrators: others }, jobId, TOKENS, before);
      } finally {
        first.program.kill("SIGCONT");
      }
      await until("it knows", () => first.log.some(({ event }) => event === "leads_no_more"));
      await until("it has joined as a new start", () =>
        first.log.filter(({ event }) => event === "store_opened").length > 1);
      await readOn(cluster, jobId, TOKENS);
      await readOn(cluster, await submit(first.url, TOKENS), TOKENS);
    }),
});
