/**
 * orchestratord and pool-managerd as an operator runs them: executables with configuration files, on
 * free ports, with their own state. With `LLORCH_BIN_DIR` they are the executables in that folder;
 * without it they run from source.
 *
 * @module
 */
import { join } from "node:path";
import { orchestratorRoutes as routes, type WorkerView } from "#shared/contracts/mod.ts";
import { type ExecutableName, findExecutable } from "#shared/executables.ts";
import { type Client, createClient } from "#shared/http/client.ts";
import { trusting } from "#shared/http/tls.ts";
import type { Certificates } from "./certificates.ts";
import type { Ran } from "./llorch.ts";
import { type Program, startCommand, until, within } from "./stack.ts";

/** A running daemon. */
export interface RunningDaemon {
  readonly program: Program;
  readonly url: string;
  /** Lines of its log so far; the list grows. */
  readonly log: readonly Record<string, unknown>[];
}

/** Both daemons, with a client for them. */
export interface Service {
  orchestratord: RunningDaemon;
  poolManagerd: RunningDaemon;
  readonly client: Client;
  /** Temporary folder of the test. */
  readonly dir: string;
  /** Runs `llorch` with the addresses of both daemons. */
  llorch(...args: string[]): Promise<Ran>;
  workers(): Promise<WorkerView[]>;
  /** Starts a daemon again, on its previous port. */
  restart(daemon: "orchestratord" | "poolManagerd"): Promise<void>;
}

/**
 * Starts an executable, built or from source.
 *
 * @param before Arguments in front of its command, such as those that run it on another host.
 */
export function startExecutable(
  name: ExecutableName,
  args: readonly string[],
  env: Record<string, string> = {},
  before: readonly string[] = [],
): Program {
  const { command, args: own } = findExecutable(name);
  const [first = "", ...rest] = [...before, command, ...own, ...args];
  return startCommand(first, rest, env);
}

/** Runs an executable until it ends. */
export async function runExecutable(
  name: ExecutableName,
  args: readonly string[],
  env: Record<string, string> = {},
  before: readonly string[] = [],
): Promise<Ran> {
  const program = startExecutable(name, args, env, before);
  let out = "";
  for await (const line of program.lines) out += line + "\n";
  const { code } = await within(program.status, `${name} ${args.join(" ")} has ended`);
  return { code, out, err: program.stderr() };
}

/** The token that the daemons of a secured service share. */
export const SERVICE_TOKEN = "the-token-of-the-service";

/** Options of {@linkcode withService}. */
export interface ServiceOptions {
  /**
   * Secures the service: both daemons serve HTTPS, orchestratord requires a token, and the pool
   * manager
   * has its own API key.
   */
  readonly tls?: Certificates;
  /** Lines of TOML for the daemon's configuration file. */
  readonly orchestratord?: string;
  readonly poolManagerd?: string;
  /** orchestratord's state folder; by default a temporary one. */
  readonly stateDir?: string;
  /** Whether llama.cpp is asked what loads take, which costs seconds of a core for each model. */
  readonly estimates?: boolean;
  /** First port of workers; by default they use any free port. */
  readonly workerPortBase?: number;
  /** Variables for both daemons. */
  readonly env?: Record<string, string>;
}

/** Runs a test with both daemons and stops them, and every worker, afterwards. */
export async function withService(
  models: string,
  test: (service: Service) => Promise<void>,
  options: ServiceOptions = {},
): Promise<void> {
  const { tls } = options;
  const dir = await Deno.makeTempDir({ prefix: "llorch-test-" });
  const env = {
    HOME: dir,
    XDG_CACHE_HOME: Deno.env.get("XDG_CACHE_HOME") ?? join(home(), ".cache"),
    ...options.env,
  };
  const files = {
    orchestratord: join(dir, "orchestrator.toml"),
    poolManagerd: join(dir, "pool-manager.toml"),
  };
  const rootEnv: Record<string, string> = tls ? { LLORCH_API_TOKEN: SERVICE_TOKEN } : {};
  let poolEnv: Record<string, string> = {};
  const tlsToml = tls ? `tls = ${tomlTable(tls)}\n` : "";
  const stateDir = options.stateDir ?? join(dir, "orchestratord");
  const start = {
    orchestratord: (port: string) =>
      startDaemon("orchestratord", [`--config=${files.orchestratord}`, `--port=${port}`], {
        ...env,
        ...rootEnv,
      }),
    poolManagerd: (port: string) =>
      startDaemon("pool-managerd", [`--config=${files.poolManagerd}`, `--port=${port}`], {
        ...env,
        ...poolEnv,
      }),
  };
  await Deno.writeTextFile(
    files.orchestratord,
    `state_dir = ${JSON.stringify(stateDir)}\n${tlsToml}${options.orchestratord ?? ""}\n`,
  );
  const orchestratord = await start.orchestratord("0");
  if (tls) {
    const args = ["keys", "create", "the pool", "--role=pool", `--state-dir=${stateDir}`];
    poolEnv = { LLORCH_API_TOKEN: (await runExecutable("orchestratord", args, env)).out.trim() };
  }
  await Deno.writeTextFile(
    files.poolManagerd,
    `state_dir = ${JSON.stringify(join(dir, "pool-managerd"))}
     models_dirs = [${JSON.stringify(models)}]
     orchestrator.url = ${JSON.stringify(orchestratord.url)}
     models.estimate_deadline_ms = ${options.estimates ? 60_000 : 0}
     worker.port_base = ${options.workerPortBase ?? 0}\n${tlsToml}${options.poolManagerd ?? ""}\n`,
  );
  const http = trusting(tls?.ca);
  const client = createClient({ baseUrl: orchestratord.url, token: tls && SERVICE_TOKEN, http });
  const service: Service = {
    orchestratord,
    poolManagerd: await start.poolManagerd("0"),
    client,
    dir,
    llorch: (...args) =>
      runExecutable("llorch", args, {
        ...env,
        ...rootEnv,
        ...(tls ? { LLORCH_CA_FILE: tls.ca } : {}),
        LLORCH_ORCHESTRATOR_URL: service.orchestratord.url,
        LLORCH_POOL_URL: service.poolManagerd.url,
      }),
    workers: async () => (await client.call(routes.workers, {})).workers,
    async restart(daemon) {
      service[daemon] = await start[daemon](new URL(service[daemon].url).port);
    },
  };
  try {
    await until("the pool is known", async () => {
      return (await client.call(routes.pools, {})).pools.length === 1;
    });
    await test(service);
  } catch (error) {
    for (const { log, program } of [service.orchestratord, service.poolManagerd]) {
      console.error(
        log.slice(-20).map((line) => JSON.stringify(line)).join("\n"),
        program.stderr(),
      );
    }
    throw error;
  } finally {
    // The pool manager goes first, because it stops its workers.
    for (const { program } of [service.poolManagerd, service.orchestratord]) {
      program.kill("SIGTERM");
      await within(program.status, "a daemon has stopped").catch(() => program.kill("SIGKILL"));
    }
    http?.close();
    await Deno.remove(dir, { recursive: true });
  }
}

/** Starts a daemon and waits until it listens. */
export async function startDaemon(
  name: ExecutableName,
  args: readonly string[],
  env: Record<string, string>,
  before: readonly string[] = [],
): Promise<RunningDaemon> {
  const program = startExecutable(name, args, env, before);
  const log: Record<string, unknown>[] = [];
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  (async () => {
    for await (const line of program.lines) {
      const entry = JSON.parse(line);
      log.push(entry);
      if (entry.event === "listening") resolve(entry.url);
    }
    await program.status;
    reject(new Error(`${name} ended before it listened: ${program.stderr()}`));
  })();
  return { program, log, url: await within(promise, `${name} listens`) };
}

/** Kills a process that may have ended already. */
export function killIfAlive(pid: number): void {
  try {
    Deno.kill(pid, "SIGKILL");
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/** Attempts that failed and were followed by another. */
export async function failovers(
  { orchestratord }: Pick<Service, "orchestratord">,
): Promise<number> {
  const metrics = await (await fetch(`${orchestratord.url}/metrics`)).text();
  return Number(/^orchd_failovers_total (\d+)$/m.exec(metrics)?.[1] ?? 0);
}

function tomlTable(values: Readonly<Record<string, string>>): string {
  return `{ ${Object.entries(values).map(([key, value]) => `${key} = "${value}"`).join(", ")} }`;
}

function home(): string {
  return Deno.env.get("HOME") ?? Deno.cwd();
}
