import assert from "node:assert/strict";
import { delay } from "#shared/lifecycle.ts";
import { whyNoDelay, whyNoNetwork } from "../support/network.ts";
import { isAlive, range, type Received, until, within } from "../support/stack.ts";
import { checkWhole, countTask, followThrough } from "../faults/rounds.ts";
import { Cluster, HEARTBEAT_MS, POOLS, ROUNDS } from "./cluster.ts";

const whyNot = await whyNoNetwork();
const noDelay = await whyNoDelay();
const skipped = (why: string | undefined) => why === undefined ? "" : ` (skipped: ${why})`;

/** What the guarantee allows beyond three missed heartbeats, in ms. */
const SLACK_MS = 2_000;
const TOKENS = 250;
const STREAMS = 4;
/** How long the streams may take, in ms. */
const STREAMS_MS = 60_000;

Deno.test({
  name: "three hosts: cut off, one way and both, healed, slow, lossy; streams are whole and one " +
    "worker is left" + skipped(whyNot),
  ignore: whyNot !== undefined,
  fn: (t) =>
    Cluster.with(async (cluster) => {
      await cluster.start();
      const known = new Set<number>();
      const { network } = cluster;

      for (const round of range(0, ROUNDS)) {
        await t.step(
          `the host of the streams is cut off and reconnected, round ${round + 1}`,
          async () => {
            await streamsThrough(cluster, round, known, async (on) => {
              await cluster.cutOff(on);
              const silence = await cluster.silenceOf(on);
              assert.ok(silence <= 3 * HEARTBEAT_MS + SLACK_MS, `unavailable after ${silence} ms`);
            });
            await healed(cluster, known);
          },
        );
      }

      for (
        const [fault, loss] of [
          ["packets from the host are lost", { from: 100, to: 0 }],
          ["packets to the host are lost", { from: 0, to: 100 }],
        ] as const
      ) {
        await t.step(fault, async () => {
          await streamsThrough(cluster, 0, known, async (on) => {
            await network.lose(on, loss);
            await cluster.untilStatus([on], "unavailable");
          });
          await healed(cluster, known);
        });
      }

      await t.step("a twentieth of all packets is lost", async () => {
        for (const name of POOLS) await network.lose(name, { from: 5, to: 5 });
        await streamsThrough(cluster, 0, known, () => Promise.resolve());
        await healed(cluster, known);
      });

      await t.step({
        name: "packets are delayed and reordered" + skipped(noDelay),
        ignore: noDelay !== undefined,
        async fn() {
          for (const name of POOLS) await network.delay(name, 40);
          await streamsThrough(cluster, 0, known, () => Promise.resolve());
          for (const name of POOLS) await network.delay(name, 0);
        },
      });

      await t.step(
        "a host that vanishes in mid-stream is forgotten, and accepted again later",
        async () => {
          let host = "";
          await streamsThrough(cluster, 0, known, async (on) => {
            host = on;
            const gone = (await cluster.workers()).filter(({ pool_id }) => pool_id === on);
            // The host is cut off, so the end of its workers cannot be reported.
            await cluster.cutOff(on);
            await cluster.kill(on);
            for (const { pid } of gone) Deno.kill(pid, "SIGKILL");
            await until("its workers are gone", () => gone.every(({ pid }) => !isAlive(pid)));
          });
          await cluster.untilStatus([host], undefined);
          await cluster.heal(host);
          await cluster.startPool(host);
          await cluster.untilStatus([...POOLS], "available");
          await cluster.untilOneWorker(known);
        },
      );
    }),
});

Deno.test({
  name: "hosts that start in any order find each other, and again when orchestratord was killed" +
    skipped(whyNot),
  ignore: whyNot !== undefined,
  fn: (t) =>
    Cluster.with(async (cluster) => {
      await t.step(
        "a pool that starts first registers once there is an orchestratord",
        async () => {
          await cluster.startPool("a");
          await delay(3 * HEARTBEAT_MS);
          await cluster.startFront();
          await cluster.untilStatus(["a"], "available");
          await cluster.startPool("b");
          await cluster.startPool("c");
          await cluster.untilStatus([...POOLS], "available");
        },
      );

      await t.step(
        "kill -9 of orchestratord: all pools come back, and streams are complete",
        async () => {
          const known = new Set<number>();
          await streamsThrough(cluster, 0, known, async () => {
            await cluster.kill("front");
            await cluster.startFront();
          });
          await cluster.untilStatus([...POOLS], "available");
          await cluster.untilOneWorker(known);
        },
      );

      await t.step("a pool that shuts down cleanly reports it", async () => {
        await cluster.stop("b");
        assert.equal(await cluster.statusOf("b"), undefined);
      });
    }),
});

/** Ends every loss of packets, and waits until all pools are back and one worker is left. */
async function healed(cluster: Cluster, known: ReadonlySet<number>): Promise<void> {
  for (const name of POOLS) await cluster.heal(name);
  await cluster.untilStatus([...POOLS], "available");
  await cluster.untilOneWorker(known);
}

/**
 * Runs streams, does something to the host of their worker while they run, and checks that each
 * number came once.
 */
async function streamsThrough(
  cluster: Cluster,
  round: number,
  known: Set<number>,
  fault: (host: string) => Promise<void>,
): Promise<void> {
  const froms = range(0, STREAMS).map((n) => 1000 * n + round);
  const some = Promise.withResolvers<void>();
  let tokens = 0;
  let job = "";
  const onEvent = ({ event, data }: Received) => {
    if (event === "started") job = data.job_id;
    if (event === "token" && ++tokens === 30 + 10 * (round % 10)) some.resolve();
  };
  const streams = froms.map((from) =>
    followThrough(cluster.client, countTask(from, TOKENS), onEvent)
  );
  const all = Promise.all(streams);
  await within(Promise.race([some.promise, all]), "the streams have begun", STREAMS_MS);
  const busy = await cluster.workerOf(job);
  known.add(busy.pid);
  try {
    await fault(busy.pool_id);
  } catch (error) {
    // The next step is not to fail for this one's reason.
    for (const name of POOLS) await cluster.heal(name);
    throw error;
  }
  const received = await within(all, "the streams have ended", STREAMS_MS);
  for (const { pid } of await cluster.workers()) known.add(pid);
  for (const [n, events] of received.entries()) checkWhole(events, froms[n]!, TOKENS);
}
