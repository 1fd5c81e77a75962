import { setImmediate } from "node:timers";
import { daemonMain } from "#shared/daemon.ts";
import { ENV, EXIT, STANDBY } from "#shared/defaults.ts";
import { requireTokenOffLoopback } from "#shared/http/auth.ts";
import type { Logger } from "#shared/logging.ts";
import { runMain, UsageError } from "#shared/lifecycle.ts";
import { configSpec, LIBRARIES, type WorkerConfig } from "./config.ts";
import {
  endProcess,
  ENGINES,
  type Engines,
  type EngineThread,
  isComputing,
  type Loading,
} from "./engines.ts";

/** Options of {@linkcode runWorker}. */
export interface RunOptions {
  /** A thread that is prepared for llama.cpp. */
  readonly thread?: EngineThread | undefined;
  readonly engines?: Engines;
}

/** Begins to load what a configuration says. */
type BeginLoad = (config: WorkerConfig, log: Logger) => Loading;

/**
 * Runs a worker until it is stopped. With `standby` as its first argument it first prepares, and
 * gets its orders from the pool manager on stdin; see `standby.ts`.
 *
 * If the engine cannot be stopped, the process ends here, without C's destructors.
 *
 * @returns the exit code
 */
export async function runWorker(
  args: readonly string[],
  { thread, engines = ENGINES }: RunOptions = {},
): Promise<number> {
  const [first, ...rest] = args;
  if (first === LIBRARIES && !rest.some((arg) => HELP.includes(arg))) {
    return await runMain(configSpec.program, () => showLibraries(rest));
  }
  const begin: BeginLoad = (config, log) =>
    engines[config.engine](config, { log, ...thread ? { thread } : {} });
  const code = await run(args, begin, thread);
  if (!isComputing()) return code;
  // The log is written at the end of this turn.
  await new Promise((resolve) => setImmediate(resolve));
  endProcess(code);
  // Windows has no such end.
  Deno.kill(Deno.pid, "SIGKILL");
  return await new Promise<never>(() => {});
}

/** Flags that ask what a command is. */
const HELP = ["--help", "-h"];

/**
 * Prints which libraries would be opened, without a model.
 *
 * @throws {UsageError} if there are further arguments
 */
async function showLibraries(more: readonly string[]): Promise<number> {
  if (more.length > 0) {
    throw new UsageError(`${LIBRARIES} takes no arguments: leave out ${more.join(" ")}`);
  }
  const { describeLibraries } = await import("./engine/libllama/libraries.ts");
  for (const line of await describeLibraries()) console.log(line);
  return EXIT.ok;
}

async function run(
  args: readonly string[],
  begin: BeginLoad,
  thread?: EngineThread,
): Promise<number> {
  if (args[0] !== STANDBY) return await serveModel(args, begin);
  return await runMain(configSpec.program, async () => {
    const { standBy } = await import("./standby.ts");
    const orders = await standBy(args.slice(1), { input: Deno.stdin.readable, thread });
    return orders === undefined ? EXIT.ok : await serveModel(orders, begin);
  });
}

async function estimate(config: WorkerConfig): Promise<number> {
  const { sayMemory } = await import("./estimate.ts");
  return await sayMemory(config);
}

/**
 * Refuses a folder in which no slot can be saved.
 *
 * @throws {UsageError}
 */
async function requireFolder(path: string | undefined): Promise<void> {
  if (path === undefined) return;
  const reason = await faultOfFolder(path);
  if (reason === undefined) return;
  throw new UsageError(
    `--saved-slots-dir: Cannot save slots in ${path}: ${reason}; make the folder, or leave the ` +
      "flag out",
  );
}

async function faultOfFolder(path: string): Promise<string | undefined> {
  const found = await Deno.stat(path).catch(() => undefined);
  if (!found) return "it cannot be found";
  if (!found.isDirectory) return "it is not a folder";
  try {
    // Rights are not all: nobody can write into /proc.
    await Deno.remove(await Deno.makeTempFile({ dir: path, prefix: ".llorch-" }));
    return undefined;
  } catch {
    return "this user may not write there";
  }
}

function serveModel(args: readonly string[], begin: BeginLoad): Promise<number> {
  return daemonMain({
    ...configSpec,
    // After other flags.
    runCommand: (_name, words) => showLibraries(words),
    instead: (config) => config.estimate ? estimate(config) : undefined,
    stopDeadlineMs: (config) => config.stop_deadline_ms,
    async open(config, { log }) {
      const token = Deno.env.get(ENV.workerToken) || undefined;
      const spawnToken = Deno.env.get(ENV.spawnToken) || undefined;
      requireTokenOffLoopback(config.host, token, `set ${ENV.workerToken}`);
      if (!config.standalone && spawnToken === undefined) {
        throw new UsageError(
          `${ENV.spawnToken} is not set: the pool manager would not accept the callback`,
        );
      }
      // A pool manager has made its folder itself.
      if (config.standalone) await requireFolder(config.saved_slots_dir);
      const loading = begin(config, log);
      try {
        await loading.begun;
        const { Worker } = await import("./worker.ts");
        return await Worker.open(config, { loadModel: loading.load, log, token, spawnToken });
      } catch (error) {
        await loading.abandon();
        throw error;
      }
    },
  }, args);
}
