/**
 * Several orchestrators on one database: one leads, and another one takes over when it is gone.
 *
 * @module
 */
import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { readSse } from "#shared/http/sse.ts";
import { counterModel } from "../support/models.ts";
import { startPostgres, WHY_NO_POSTGRES } from "../support/postgres.ts";
import { type RunningDaemon, startDaemon } from "../support/service.ts";
import { until, within } from "../support/stack.ts";

const TOKENS = 400;
const ROUNDS = 3;

/** The service of three orchestrators and one pool. */
interface Cluster {
  readonly orchestrators: RunningDaemon[];
  /** The one that serves now. */
  leader(): Promise<RunningDaemon>;
  /** Starts one that has ended again, on its port. */
  again(at: number): Promise<void>;
}

async function withCluster(work: (cluster: Cluster) => Promise<void>): Promise<void> {
  const postgres = await startPostgres();
  const dir = await Deno.makeTempDir({ prefix: "llorch-cluster-" });
  const env = { HOME: dir, XDG_CACHE_HOME: join(Deno.env.get("HOME") ?? dir, ".cache") };
  const daemons = new Set<RunningDaemon>();
  const start = async (at: number, port: string) => {
    const config = join(dir, `orchestrator-${at}.toml`);
    await Deno.writeTextFile(
      config,
      `state_dir = ${JSON.stringify(join(dir, `state-${at}`))}\nstore.url = ${
        JSON.stringify(postgres.url())
      }\n`,
    );
    const daemon = await startDaemon(
      "orchestratord",
      [`--config=${config}`, `--port=${port}`],
      env,
    );
    daemons.add(daemon);
    return daemon;
  };
  try {
    const orchestrators = [await start(0, "0"), await start(1, "0"), await start(2, "0")];
    const pool = join(dir, "pool.toml");
    await Deno.writeTextFile(
      pool,
      `state_dir = ${JSON.stringify(join(dir, "pool"))}
       models_dirs = [${JSON.stringify(dirname(counterModel()))}]
       models.estimate_deadline_ms = 0
       worker.port_base = 0
       worker.threads = 1
       orchestrator.urls = ${JSON.stringify(orchestrators.map(({ url }) => url))}
       orchestrator.backoff_ms = 100\n`,
    );
    daemons.add(await startDaemon("pool-managerd", [`--config=${pool}`, "--port=0"], env));
    const isReady = async ({ url }: RunningDaemon) => {
      // One that stands still answers nothing.
      const signal = AbortSignal.timeout(500);
      const reply = await fetch(`${url}/ready`, { signal }).catch(() => undefined);
      await reply?.body?.cancel();
      return reply?.ok === true;
    };
    await work({
      orchestrators,
      async leader() {
        let found: RunningDaemon | undefined;
        await until("one orchestrator serves", async () => {
          const ready = await Promise.all(orchestrators.map(isReady));
          assert.ok(ready.filter(Boolean).length <= 1, "two orchestrators serve");
          found = orchestrators[ready.indexOf(true)];
          return found !== undefined;
        });
        return found!;
      },
      async again(at) {
        orchestrators[at] = await start(at, new URL(orchestrators[at]!.url).port);
      },
    });
  } catch (error) {
    for (const { log, url } of daemons) {
      console.error(url, log.slice(-25).map((line) => JSON.stringify(line)).join("\n"));
    }
    throw error;
  } finally {
    for (const { program } of [...daemons].reverse()) {
      try {
        program.kill("SIGTERM");
      } catch {
        continue;
      }
      await within(program.status, "a daemon has stopped").catch(() => program.kill("SIGKILL"));
    }
    await postgres.remove();
    await Deno.remove(dir, { recursive: true });
  }
}

/** Events of a job after one, until the stream ends or breaks off. */
async function read(url: string, jobId: string, after: number, most = Infinity) {
  const events: { id: number; event: string; text: string }[] = [];
  try {
    const reply = await fetch(`${url}/v2/tasks/${jobId}/events`, {
      headers: { "last-event-id": String(after) },
    });
    if (!reply.ok) {
      await reply.body?.cancel();
      return events;
    }
    for await (const { id, event, data } of readSse(reply.body!)) {
      if (id === undefined || id === "") continue;
      events.push({ id: Number(id), event, text: JSON.parse(data).t ?? "" });
      if (events.length >= most || event === "end" || event === "error") break;
    }
  } catch {
    // Its orchestrator has ended.
  }
  return events;
}

/** Submits a job that counts, and returns its id. */
async function submit(url: string): Promise<string> {
  const reply = await fetch(`${url}/v2/tasks`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      ...{ model: "counter", prompt: " w1", max_tokens: TOKENS, temperature: 0 },
      detached: true,
    }),
  });
  const { job_id } = await reply.json();
  assert.equal(reply.status, 202);
  return job_id;
}

/** Reads a job to its end at whoever leads, and checks that each event came once. */
async function readOn(
  { leader }: Cluster,
  jobId: string,
  before: Awaited<ReturnType<typeof read>>,
): Promise<void> {
  const events = [...before];
  await until("the job has ended", async () => {
    events.push(...await read((await leader()).url, jobId, events.at(-1)?.id ?? 0));
    return ["end", "error"].includes(events.at(-1)?.event ?? "");
  });
  assert.equal(events.at(-1)!.event, "end");
  assert.deepEqual(events.map(({ id }) => id), events.map((_, index) => index + 1));
  const text = events.map(({ text }) => text).join("");
  assert.equal(text, Array.from({ length: TOKENS }, (_, n) => ` w${n + 2}`).join(""));
}

const SKIPPED = WHY_NO_POSTGRES ? ` (skipped: ${WHY_NO_POSTGRES})` : "";

Deno.test({
  name: `a job goes on exactly at the next leader when its orchestrator is killed${SKIPPED}`,
  ignore: WHY_NO_POSTGRES !== undefined,
  fn: (t) =>
    withCluster(async (cluster) => {
      const { orchestrators, leader, again } = cluster;
      for (let round = 1; round <= ROUNDS; round++) {
        await t.step(`round ${round}`, async () => {
          const first = await leader();
          const jobId = await submit(first.url);
          const before = await read(first.url, jobId, 0, 20);
          assert.equal(before.length, 20);
          first.program.kill("SIGKILL");
          await within(first.program.status, "the leader has ended");
          assert.notEqual((await leader()).url, first.url);
          await readOn(cluster, jobId, before);
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
      const jobId = await submit(first.url);
      const before = await read(first.url, jobId, 0, 20);
      first.program.kill("SIGSTOP");
      try {
        const next = await cluster.leader();
        assert.notEqual(next.url, first.url);
        await readOn(cluster, jobId, before);
      } finally {
        first.program.kill("SIGCONT");
      }
      await until("it knows", () => first.log.some(({ event }) => event === "leads_no_more"));
      await until("it has joined as a new start", () =>
        first.log.filter(({ event }) => event === "store_opened").length > 1);
      await readOn(cluster, jobId, []);
      await readOn(cluster, await submit((await cluster.leader()).url), []);
    }),
});
