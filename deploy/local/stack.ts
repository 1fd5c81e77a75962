import { basename, join } from "node:path";
import { type ModelView, orchestratorRoutes as routes } from "#shared/contracts/mod.ts";
import { findExecutable } from "#shared/executables.ts";
import { type Client, createClient } from "#shared/http/client.ts";
import { CloseStack, delay, UsageError } from "#shared/lifecycle.ts";
import { type FoundModel, scanModels, type ScanResult } from "#shared/models/scan.ts";
import type { Env } from "#shared/paths.ts";
import { readApiToken } from "#shared/secrets.ts";
import { type Child, startChild } from "./child.ts";
import { describeContext, type LocalLoad } from "./context.ts";
import { offerDownload } from "./download.ts";
import { endLeftovers, type Leftover } from "./leftovers.ts";
import type { LogLine } from "./log_view.ts";
import { modelsDirs, stateDir, type UpOptions } from "./options.ts";

/** Longest waits for a daemon to listen, and for the model to be loaded, in milliseconds. */
const START_TIMEOUT_MS = 60_000;
const LOAD_TIMEOUT_MS = 300_000;

/** How long a daemon may take to stop before it is killed, in milliseconds. */
const STOP_DEADLINE_MS = 45_000;

/** The three kinds of daemon on one machine, each a process of its own. */
export interface LocalStack {
  readonly orchestrator: Child;
  readonly pool: Child;
  readonly client: Client;
  /** Rejects if a daemon ends unexpectedly. */
  readonly broken: Promise<never>;
  /** Stops everything in order, so that no process is left. */
  close(): Promise<void>;
}

/** Callbacks and signals of a start. */
export interface StackDeps {
  readonly env: Env;
  readonly show: (line: LogLine) => void;
  /** Shows a line of our own. */
  readonly say: (text: string) => void;
  /** Stops the start, and the daemons that were started. */
  readonly signal: AbortSignal;
  /** Makes a stop kill the processes at once. */
  readonly hurry: AbortSignal;
}

/**
 * Starts orchestratord, then pool-managerd, then loads the model.
 *
 * @throws {UsageError} if the model does not exist, with the names of existing ones
 * @throws {Error} if a daemon does not start; those started before it are stopped
 */
export async function startStack(options: UpOptions, deps: StackDeps): Promise<LocalStack> {
  const dirs = modelsDirs(options, deps.env);
  await ensureModel(dirs, options, deps);

  const parts = new CloseStack();
  try {
    return await startParts(options, deps, dirs, parts);
  } catch (error) {
    await parts.close();
    throw error;
  }
}

async function startParts(
  options: UpOptions,
  { env, say, ...deps }: StackDeps,
  dirs: readonly string[],
  parts: CloseStack,
): Promise<LocalStack> {
  const state = stateDir(options, env);
  if (state.temporary) parts.defer(() => Deno.remove(state.dir, { recursive: true }));

  const start = async (name: "orchestratord" | "pool-managerd", args: string[]) => {
    const executable = findExecutable(name);
    const child = await startChild({
      name,
      executable,
      args,
      startTimeoutMs: START_TIMEOUT_MS,
      ...deps,
    });
    parts.defer(() => child.stop(STOP_DEADLINE_MS));
    return child;
  };
  const orchestrator = await start("orchestratord", [
    `--port=${options.port}`,
    `--state-dir=${join(state.dir, "orchestratord")}`,
    // There are several models: those who name none mean the one that was asked for here.
    ...(env("LLORCH_DEFAULT_MODEL") === undefined ? [`--default-model=${options.model}`] : []),
  ]);
  const token = readApiToken(undefined, env);
  const client = createClient({ baseUrl: orchestrator.url, token });
  const pool = await start("pool-managerd", [
    `--port=${options.pool_port}`,
    `--state-dir=${join(state.dir, "pool-managerd")}`,
    "--pool-id=local",
    `--models-dirs=${dirs.join(",")}`,
    `--orchestrator-url=${orchestrator.url}`,
    `--worker-port-base=${options.worker_port_base}`,
    `--worker-default-slots=${options.slots}`,
    `--worker-default-context=${options.context ?? "auto"}`,
  ]);

  let closing = false;
  const broken = Promise.race([orchestrator, pool].map(async (child): Promise<never> => {
    const { code } = await child.exited;
    if (closing) return await new Promise<never>(() => {});
    throw new Error(`${child.name} ended by itself with code ${code}`);
  }));
  broken.catch(() => {});
  const model = await Promise.race([loadModel(client, options.model, deps.signal), broken]);
  if (options.context === undefined) say(describeContext(await loadOf(client, model)));
  return {
    orchestrator,
    pool,
    client,
    broken,
    async close() {
      closing = true;
      const workers = await listWorkers(client);
      // At the same time: orchestratord ends the streams that keep workers from ending, and a
      // stopping pool manager does not warn that its orchestrator is gone.
      await Promise.all([orchestrator.stop(STOP_DEADLINE_MS), pool.stop(STOP_DEADLINE_MS)]);
      await parts.close();
      await endLeftovers(workers);
    },
  };
}

/** The current workers; none if orchestratord does not answer. */
async function listWorkers(client: Client): Promise<readonly Leftover[]> {
  try {
    return (await client.call(routes.workers, {}, { timeoutMs: 1000 })).workers;
  } catch {
    return [];
  }
}

function shortName({ aliases, model_ref }: FoundModel): string {
  return aliases.find((alias) => !alias.includes("/")) ?? model_ref;
}

/**
 * Checks that a model is in some folders; one of the catalog is downloaded into the first if the person
 * wants that.
 *
 * @throws {UsageError} if it is not there, with what to do
 */
async function ensureModel(
  dirs: readonly string[],
  { model, yes: isYes }: UpOptions,
  { say, signal }: StackDeps,
): Promise<void> {
  const find = ({ models }: ScanResult) =>
    models.find((each) => each.model_ref === model || each.aliases.includes(model));
  let scanned = await scanModels(dirs);
  let found = find(scanned);
  if (!found && !brokenFile(model, scanned)) {
    if (await offerDownload(model, { dir: dirs[0]!, isYes, say, signal })) {
      scanned = await scanModels(dirs);
      found = find(scanned);
    }
  }
  if (!found) refuse(model, dirs, scanned);
}

/** The unusable file of a model. */
function brokenFile(model: string, { problems }: ScanResult) {
  return problems.find(({ path }) => basename(path) === `${model}.gguf`);
}

function refuse(model: string, dirs: readonly string[], scanned: ScanResult): never {
  const { models } = scanned;
  const broken = brokenFile(model, scanned);
  if (broken) throw new UsageError(`Cannot use the model "${model}": ${broken.message}`);
  const names = [...new Set(models.map(shortName))].sort();
  const found = names.length === 0 ? "there is none" : `there are ${names.join(", ")}`;
  throw new UsageError(`Cannot find the model "${model}" in ${dirs.join(" or ")}: ${found}`);
}

/** Waits until the model is loaded. */
async function loadModel(client: Client, model: string, signal: AbortSignal): Promise<ModelView> {
  const deadline = performance.now() + LOAD_TIMEOUT_MS;
  await untilReady(client, deadline, signal);
  await client.call(routes.loadModel, { params: { ref: model } });
  while (performance.now() < deadline) {
    const { models } = await client.call(routes.models, {});
    const found = models.find((each) => each.aliases.includes(model));
    if (found?.loaded) return found;
    if (found?.load_error !== undefined && !found.loading) {
      throw new Error(`Cannot load the model "${model}": ${found.load_error}`);
    }
    await delay(50, signal);
  }
  throw new Error(`The model "${model}" was not loaded within ${LOAD_TIMEOUT_MS} ms`);
}

/** How a loaded model was loaded. */
async function loadOf(client: Client, model: ModelView): Promise<LocalLoad> {
  const { workers } = await client.call(routes.workers, {});
  const worker = workers.find(({ worker_id }) => model.workers.includes(worker_id));
  if (worker === undefined) throw new Error(`The worker of "${model.model_ref}" has ended`);
  return { ...worker, own: model.context_length };
}

async function untilReady(client: Client, deadline: number, signal: AbortSignal): Promise<void> {
  while (true) {
    try {
      await client.call(routes.ready, {});
      return;
    } catch (error) {
      if (performance.now() > deadline) throw error;
    }
    await delay(50, signal);
  }
}
