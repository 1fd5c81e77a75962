import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { readSse } from "#shared/http/sse.ts";
import { counterModel } from "../support/models.ts";
import { type Postgres, type PostgresOptions, startPostgres } from "../support/postgres.ts";
import { type RunningDaemon, startDaemon } from "../support/service.ts";
import { until, within } from "../support/stack.ts";

/** The service of several orchestrators on one database, and one pool. */
export interface Cluster {
  readonly postgres: Postgres;
  readonly orchestrators: RunningDaemon[];
  readonly pool: RunningDaemon;
  /** State folder of the pool, with its workers' logs. */
  readonly poolDir: string;
  /** The one that leads now. */
  leader(): Promise<RunningDaemon>;
  /** One that does not lead now. */
  follower(): Promise<RunningDaemon>;
  /** Starts one that has ended again, on its port. */
  again(at: number): Promise<void>;
}

/** Options of {@linkcode withCluster}. */
export interface ClusterOptions {
  readonly replicas?: number;
  /** Further settings of each orchestrator. */
  readonly settings?: string;
  /** Further settings of the pool. */
  readonly poolSettings?: string;
  /** Folder with the model `counter`; default: that of `counterModel()`. */
  readonly models?: string;
  /** The token that all daemons share. */
  readonly token?: string;
  /** URL of the database for the orchestrator of that number; default: its own. */
  readonly postgres?: PostgresOptions;
  readonly database?: (postgres: Postgres, at: number) => string | Promise<string>;
}

/** Runs a service of several orchestrators, and ends it. */
export async function withCluster(
  work: (cluster: Cluster) => Promise<void>,
  { replicas = 3, settings = "", poolSettings = "", models, token, database, ...options }:
    ClusterOptions = {},
): Promise<void> {
  const postgres = await startPostgres(options.postgres);
  const dir = await Deno.makeTempDir({ prefix: "llorch-cluster-" });
  const env = {
    HOME: dir,
    XDG_CACHE_HOME: join(Deno.env.get("HOME") ?? dir, ".cache"),
    ...(token === undefined ? {} : { LLORCH_API_TOKEN: token }),
  };
  const daemons = new Set<RunningDaemon>();
  const start = async (at: number, port: string) => {
    const config = join(dir, `orchestrator-${at}.toml`);
    const url = await database?.(postgres, at) ?? postgres.url();
    await Deno.writeTextFile(
      config,
      `state_dir = ${JSON.stringify(join(dir, `state-${at}`))}
       store.url = ${JSON.stringify(url)}
       cluster.replica_id = "o${at}"
       ${settings}\n`,
    );
    const flags = [`--config=${config}`, `--port=${port}`];
    const daemon = await startDaemon("orchestratord", flags, env);
    daemons.add(daemon);
    return daemon;
  };
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  /** The term that an orchestrator leads; undefined: none. */
  const termOf = async ({ url }: RunningDaemon) => {
    // One that stands still answers nothing.
    const signal = AbortSignal.timeout(500);
    const reply = await fetch(`${url}/metrics`, { signal, headers }).catch(() => undefined);
    const text = await reply?.text().catch(() => "") ?? "";
    return /^orchd_leader 1$/m.test(text) ? /^orchd_term (\d+)$/m.exec(text)![1] : undefined;
  };
  try {
    const orchestrators: RunningDaemon[] = [];
    for (let at = 0; at < replicas; at++) orchestrators.push(await start(at, "0"));
    const config = join(dir, "pool.toml");
    await Deno.writeTextFile(
      config,
      `state_dir = ${JSON.stringify(join(dir, "pool"))}
       models_dirs = [${JSON.stringify(models ?? dirname(counterModel()))}]
       models.estimate_deadline_ms = 0
       worker.port_base = 0
       worker.threads = 1
       orchestrator.urls = ${JSON.stringify(orchestrators.map(({ url }) => url))}
       orchestrator.backoff_ms = 100
       ${poolSettings}\n`,
    );
    const pool = await startDaemon("pool-managerd", [`--config=${config}`, "--port=0"], env);
    daemons.add(pool);
    const leader = async () => {
      let found: RunningDaemon | undefined;
      await until("one orchestrator leads", async () => {
        const leading = orchestrators.map(async (one) => [one, await termOf(one)] as const);
        const leaders = (await Promise.all(leading)).filter(([, term]) => term !== undefined);
        // They answer one after the other: while the lead changes hands, two may say that they have it.
        const terms = new Set(leaders.map(([, term]) => term));
        assert.equal(terms.size, leaders.length, "a term has two leaders");
        found = leaders[0]?.[0];
        return leaders.length === 1;
      });
      return found!;
    };
    // Until then a call is refused: no pool has its model.
    await until("the pool's model can be asked", async () => {
      const reply = await fetch(`${(await leader()).url}/v1/models`, { headers });
      return /"counter"/.test(await reply.text());
    });
    await work({
      postgres,
      orchestrators,
      pool,
      poolDir: join(dir, "pool"),
      leader,
      async follower() {
        const first = await leader();
        return orchestrators.find((one) => one !== first)!;
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
    }
    for (const { program } of daemons) {
      await within(program.status, "a daemon has stopped").catch(() => program.kill("SIGKILL"));
    }
    await postgres.remove();
    await Deno.remove(dir, { recursive: true });
  }
}

/** An event of a job's stream. */
export interface SeenEvent {
  readonly id: number;
  readonly event: string;
  readonly text: string;
}

/** Events of a job after one, until the stream ends or breaks off. */
export async function read(
  url: string,
  jobId: string,
  after: number,
  most = Infinity,
  onEvent: () => void = () => {},
): Promise<SeenEvent[]> {
  const events: SeenEvent[] = [];
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
      const { t, message } = JSON.parse(data);
      events.push({ id: Number(id), event, text: t ?? message ?? "" });
      onEvent();
      if (events.length >= most || event === "end" || event === "error") break;
    }
  } catch {
    // Its orchestrator has ended.
  }
  return events;
}

/** Submits a job that counts, and returns its id. */
export async function submit(
  url: string,
  tokens: number,
  headers: Readonly<Record<string, string>> = {},
): Promise<string> {
  const reply = await fetch(`${url}/v2/tasks`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify({
      ...{ model: "counter", prompt: " w1", max_tokens: tokens, temperature: 0 },
      detached: true,
    }),
  });
  const text = await reply.text();
  assert.equal(reply.status, 202, text);
  return JSON.parse(text).job_id;
}

/** Reads a job to its end, at one orchestrator after the other, and checks that each event came once. */
export async function readOn(
  { orchestrators }: Pick<Cluster, "orchestrators">,
  jobId: string,
  tokens: number,
  before: readonly SeenEvent[] = [],
): Promise<void> {
  const events = [...before];
  let at = 0;
  await until("the job has ended", async () => {
    const { url } = orchestrators[at++ % orchestrators.length]!;
    events.push(...await read(url, jobId, events.at(-1)?.id ?? 0));
    return ["end", "error"].includes(events.at(-1)?.event ?? "");
  });
  assert.equal(events.at(-1)!.event, "end");
  assert.deepEqual(events.map(({ id }) => id), events.map((_, index) => index + 1));
  const text = events.map(({ text }) => text).join("");
  assert.equal(text, counted(tokens));
}

/** The text of a job that counts from ` w1`. */
export function counted(tokens: number): string {
  return Array.from({ length: tokens }, (_, n) => ` w${n + 2}`).join("");
}
