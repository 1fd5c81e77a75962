/**
 * Faults of leaders and of the database, again and again under load: no accepted job is lost, doubled or cut,
 * and no attempt of a job runs beside another one. `deno task test:cluster` runs more rounds, and prints how
 * long each took.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { ROUNDS } from "../faults/rounds.ts";
import { type Postgres, WHY_NO_POSTGRES } from "../support/postgres.ts";
import { fill, WHY_NO_SMALL_DISK, withSmallDisk } from "../support/small_disk.ts";
import { until, within } from "../support/stack.ts";
import type { RunningDaemon } from "../support/service.ts";
import { type Cluster, type ClusterOptions, counted, read, withCluster } from "./cluster.ts";
import { StallingProxy } from "./stalling_proxy.ts";

const SKIPPED = WHY_NO_POSTGRES ? ` (skipped: ${WHY_NO_POSTGRES})` : "";

/** Rounds of each fault, and clients that always have a job. */
const [KILLS, STREAMS] = ROUNDS > 2 ? [ROUNDS, 60] : [1, 6];
const TOKENS = 120;

/** When something happened, in ms since the epoch. */
const timeOf = (line: Readonly<Record<string, unknown>>) => Date.parse(String(line["ts"]));

/** Clients that submit and read jobs, at any orchestrator, until they are told to end. */
class Load {
  readonly #cluster: Cluster;
  readonly #running: Promise<void>[] = [];
  #isOver = false;
  #jobs = 0;
  /** Rejects when a job has not ended as it should. */
  readonly failed: Promise<unknown>;
  /** When the last event came, in ms since the epoch. */
  lastAt = 0;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
    for (let n = 0; n < STREAMS; n++) this.#running.push(this.#stream(n));
    this.#running.push(this.#background(), this.#batches());
    this.failed = Promise.all(this.#running);
    // Whoever waits for it sees why.
    this.failed.catch(() => {});
  }

  /** Jobs that have ended, each exactly as it should. */
  get jobs(): number {
    return this.#jobs;
  }

  /** Ends it once every job has ended. */
  async end(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#running);
  }

  #url(n: number): string {
    const { orchestrators } = this.#cluster;
    return orchestrators[n % orchestrators.length]!.url;
  }

  /**
   * Sends a request until it is answered, at one orchestrator after the other, and returns the text. An answer
   * that breaks off is none.
   */
  async #call(path: string, init: RequestInit = {}): Promise<string> {
    const headers = { "idempotency-key": crypto.randomUUID(), ...init.headers };
    let text: string | undefined;
    let n = Math.floor(Math.random() * 3);
    await until(`${path} is answered`, async () => {
      const signal = AbortSignal.timeout(5_000);
      try {
        const reply = await fetch(this.#url(n++) + path, { ...init, headers, signal });
        const said = await reply.text();
        if (reply.status >= 500 || reply.status === 429) return false;
        assert.ok(reply.ok, `${path}: ${reply.status} ${said}`);
        text = said;
        return true;
      } catch (error) {
        if (error instanceof assert.AssertionError) throw error;
        return false;
      }
    }, 60_000);
    return text!;
  }

  async #json(path: string, body?: unknown): Promise<Record<string, unknown>> {
    const headers = { "content-type": "application/json" };
    return JSON.parse(
      await this.#call(
        path,
        body === undefined ? {} : { method: "POST", headers, body: JSON.stringify(body) },
      ),
    );
  }

  async #stream(n: number): Promise<void> {
    while (!this.#isOver) {
      const { job_id } = await this.#json("/v2/tasks", {
        ...{ model: "counter", prompt: " w1", max_tokens: TOKENS, temperature: 0 },
        detached: true,
      });
      const events: { id: number; event: string; text: string }[] = [];
      await until(`job ${job_id} has ended`, async () => {
        events.push(
          ...await read(this.#url(n++), String(job_id), events.at(-1)?.id ?? 0, Infinity, () => {
            this.lastAt = Date.now();
          }),
        );
        return ["end", "error"].includes(events.at(-1)?.event ?? "");
      }, 120_000);
      assert.equal(events.at(-1)!.event, "end", JSON.stringify(events.slice(-3)));
      assert.deepEqual(events.map(({ id }) => id), events.map((_, at) => at + 1));
      assert.equal(events.map(({ text }) => text).join(""), counted(TOKENS));
      this.#jobs++;
    }
  }

  async #background(): Promise<void> {
    while (!this.#isOver) {
      const { id } = await this.#json("/v1/responses", {
        ...{ model: "counter", input: "w1", max_output_tokens: 16, background: true },
      });
      await until(`response ${id} has ended`, async () => {
        const status = String((await this.#json(`/v1/responses/${id}`))["status"]);
        assert.ok(["queued", "in_progress", "incomplete", "completed"].includes(status), status);
        return status === "incomplete" || status === "completed";
      }, 120_000);
      this.#jobs++;
    }
  }

  async #batches(): Promise<void> {
    const lines = 10;
    while (!this.#isOver) {
      const form = new FormData();
      form.set("purpose", "batch");
      const text = Array.from({ length: lines }, (_, n) =>
        JSON.stringify({
          custom_id: `line-${n}`,
          method: "POST",
          url: "/v1/completions",
          body: { model: "counter", prompt: " w1", max_tokens: 5, temperature: 0 },
        })).join("\n");
      form.set("file", new Blob([text]), "lines.jsonl");
      const file = JSON.parse(await this.#call("/v1/files", { method: "POST", body: form }));
      const { id } = await this.#json("/v1/batches", {
        ...{ input_file_id: file.id, endpoint: "/v1/completions", completion_window: "24h" },
      });
      let [output, errors]: (string | null)[] = [null, null];
      await until(`batch ${id} has ended`, async () => {
        const batch = await this.#json(`/v1/batches/${id}`);
        assert.notEqual(batch["status"], "failed", JSON.stringify(batch));
        output = batch["output_file_id"] as string | null;
        errors = batch["error_file_id"] as string | null;
        return batch["status"] === "completed";
      }, 120_000);
      assert.equal(errors, null, errors ? await this.#call(`/v1/files/${errors}/content`) : "");
      const results = await this.#call(`/v1/files/${output}/content`);
      const texts = results.trim().split("\n").map((line) =>
        JSON.parse(line).response.body.choices[0].text
      );
      assert.deepEqual(texts, Array.from({ length: lines }, () => counted(5)));
      this.#jobs++;
    }
  }
}

/** Percentiles of times, for people. */
function figures(times: readonly number[]): string {
  const sorted = [...times].sort((a, b) => a - b);
  const at = (share: number) =>
    sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
  return `p50 ${at(0.5)} ms, p95 ${at(0.95)} ms, max ${sorted.at(-1)} ms`;
}

/** Checks by the workers' logs that no attempt of a job ran beside another one. */
async function checkAlone(poolDir: string): Promise<number> {
  const runs = new Map<string, { begin: number; end: number; who: string }[]>();
  const logs = join(poolDir, "logs");
  for await (const { name } of Deno.readDir(logs)) {
    for (const text of (await Deno.readTextFile(join(logs, name))).split("\n")) {
      if (!text.includes('"run_ended"')) continue;
      const line = JSON.parse(text);
      const end = timeOf(line);
      const who = `attempt ${line.attempt} of start ${line.epoch} in ${name}`;
      const known = runs.get(line.job_id) ?? [];
      known.push({ begin: end - line.ran_ms, end, who });
      runs.set(line.job_id, known);
    }
  }
  for (const [job, attempts] of runs) {
    attempts.sort((a, b) => a.begin - b.begin);
    for (const [at, next] of attempts.slice(1).entries()) {
      const last = attempts[at]!;
      // Times are rounded, and an attempt that replaces another one is added before that ends.
      assert.ok(next.begin >= last.end - 50, `${job}: ${next.who} beside ${last.who}`);
    }
  }
  return runs.size;
}

/** Checks that no orchestrator has sent a job to a worker after a later term had begun elsewhere. */
function checkTerms(daemons: readonly RunningDaemon[]): void {
  const begun = daemons.flatMap(({ log }) =>
    log.filter(({ event }) => event === "leads").map((line) => ({
      at: timeOf(line),
      term: Number(line["term"]),
    }))
  );
  assert.equal(new Set(begun.map(({ term }) => term)).size, begun.length, "a term had two leaders");
  for (const { log } of daemons) {
    let term = 0;
    for (const line of log) {
      if (line["event"] === "leads") term = Number(line["term"]);
      if (line["event"] !== "job_dispatched") continue;
      const later = begun.find((other) => other.term > term && other.at < timeOf(line) - 20);
      assert.equal(
        later,
        undefined,
        `a job was dispatched in term ${term}: ${JSON.stringify(line)}`,
      );
    }
  }
}

/** A fault, and what ends it. */
interface Fault {
  readonly name: string;
  readonly rounds: number;
  readonly options?: ClusterOptions;
  /**
   * Makes it happen to the one that leads; resolves with the way to end it.
   *
   * @param cluster Where the fault is made.
   */
  readonly strike: (cluster: Cluster, first: RunningDaemon) => Promise<() => Promise<void>>;
  /** Whether another one leads afterwards in any case. */
  readonly moves: boolean;
}

async function run(fault: Fault, t: Deno.TestContext): Promise<void> {
  await withCluster(async (cluster) => {
    await cluster.leader();
    const load = new Load(cluster);
    await Promise.race([inRounds(fault, cluster, load, t), load.failed]);
    // Batches get their turn beside streams that always wait: they take less than half of the queue.
  }, { settings: "queue = { capacity = 1000, batch_promote_ms = 2000 }", ...fault.options });
}

async function inRounds(
  { rounds, strike, moves }: Fault,
  cluster: Cluster,
  load: Load,
  t: Deno.TestContext,
) {
  const everyone = new Set(cluster.orchestrators);
  const [takeovers, pauses]: [number[], number[]] = [[], []];
  const once = async () => {
    const before = load.jobs;
    await until("jobs end", () => load.jobs > before, 120_000);
    const first = await cluster.leader();
    const began = Date.now();
    const end = await strike(cluster, first);
    const others = cluster.orchestrators.filter((one) => one !== first);
    const leads = (daemons: readonly RunningDaemon[]) =>
      daemons.flatMap(({ log }) => log).find((line) =>
        (line["event"] === "leads" || line["event"] === "leads_again") && timeOf(line) >= began
      );
    let line: ReturnType<typeof leads>;
    if (moves) {
      await until("another one leads", () => (line = leads(others)) !== undefined);
      takeovers.push(timeOf(line!) - began);
      await until("streams go on", () => load.lastAt > timeOf(line!), 60_000);
      pauses.push(load.lastAt - began);
    }
    await end();
    for (const one of cluster.orchestrators) everyone.add(one);
    await cluster.leader();
  };
  for (let round = 1; round <= rounds; round++) await t.step(`round ${round}`, once);
  await load.end();
  const jobs = await checkAlone(cluster.poolDir);
  checkTerms([...everyone]);
  const times = moves
    ? `; another one leads after ${figures(takeovers)}; an event comes after ${figures(pauses)}`
    : "";
  // What a test that passes prints is not shown, but the names of its steps are.
  await t.step(`${load.jobs} jobs exact (${jobs} at workers)${times}`, () => {});
}

const FEW = Math.ceil(KILLS / 5);

const FAULTS: readonly Fault[] = [
  {
    name: "the leader is killed",
    rounds: KILLS,
    moves: true,
    async strike({ orchestrators, again }, first) {
      first.program.kill("SIGKILL");
      await within(first.program.status, "the leader has ended");
      return () => again(orchestrators.indexOf(first));
    },
  },
  {
    name: "the leader stands still, and goes on",
    rounds: FEW,
    moves: true,
    strike(_, first) {
      first.program.kill("SIGSTOP");
      return Promise.resolve(async () => {
        first.program.kill("SIGCONT");
        await until("it knows", () => knows(first));
      });
    },
  },
  {
    name: "the database ends all sessions",
    rounds: KILLS,
    moves: false,
    async strike({ postgres }) {
      await postgres.query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()",
      );
      return () => Promise.resolve();
    },
  },
  {
    name: "the database crashes and comes back",
    rounds: FEW,
    moves: false,
    async strike({ postgres }) {
      await postgres.stop("immediate");
      await postgres.start();
      return () => Promise.resolve();
    },
  },
];

/** Whether an orchestrator has learned since its last term that another one leads. */
function knows({ log }: RunningDaemon): boolean {
  const last = log.findLast(({ event }) => event === "leads" || event === "leads_no_more");
  return last?.["event"] === "leads_no_more";
}

for (const fault of FAULTS) {
  Deno.test({
    name: `${fault.name}: every job is exact${SKIPPED}`,
    ignore: WHY_NO_POSTGRES !== undefined,
    fn: (t) => run(fault, t),
  });
}

Deno.test({
  name: `the leader is cut off from the database, and heals: every job is exact${SKIPPED}`,
  ignore: WHY_NO_POSTGRES !== undefined,
  async fn(t) {
    const proxies: StallingProxy[] = [];
    const database = async (postgres: Postgres, at: number) => {
      const url = new URL(postgres.url());
      proxies[at] ??= await StallingProxy.open({ host: url.hostname, port: Number(url.port) });
      url.port = String(proxies[at].port);
      return url.href;
    };
    try {
      await run({
        name: "the leader is cut off",
        rounds: FEW,
        moves: true,
        options: { database, postgres: { listens: true } },
        strike({ orchestrators }, first) {
          const proxy = proxies[orchestrators.indexOf(first)]!;
          proxy.stall();
          return Promise.resolve(async () => {
            proxy.heal();
            await until("it knows", () => knows(first));
          });
        },
      }, t);
    } finally {
      for (const proxy of proxies) proxy.close();
    }
  },
});

const WHY_NOT = WHY_NO_POSTGRES ?? WHY_NO_SMALL_DISK;

Deno.test({
  name: "the database's disk is full, and has room again: every job is exact" +
    (WHY_NOT ? ` (skipped: ${WHY_NOT})` : ""),
  ignore: WHY_NOT !== undefined,
  fn: (t) =>
    withSmallDisk("256m", (parent) =>
      run({
        name: "the disk is full",
        rounds: ROUNDS > 2 ? 5 : 1,
        moves: false,
        options: { postgres: { parent, settings: ["max_wal_size = 64MB", "min_wal_size = 32MB"] } },
        async strike({ postgres, orchestrators }) {
          const began = Date.now();
          const filler = join(parent, "filler");
          fill(filler);
          // It refuses writes, or ends.
          await until("writes fail", () =>
            orchestrators.some(({ log }) =>
              log.some((line) =>
                timeOf(line) >= began &&
                ["database_not_writable", "leads_not_now"].includes(String(line["event"]))
              )
            ), 60_000);
          return async () => {
            await Deno.remove(filler);
            await until("it answers", async () => {
              try {
                await postgres.query("SELECT 1");
                return true;
              } catch {
                await postgres.start().catch(() => {});
                return false;
              }
            });
          };
        },
      }, t)),
});
