import { parseArgs } from "node:util";
import { type StandbyOrders, standbyOrders, workerRoutes } from "#shared/contracts/worker.ts";
import { errorMessage, LlorchError } from "#shared/errors.ts";
import { createClient } from "#shared/http/client.ts";
import { delay } from "#shared/lifecycle.ts";
import { readLines } from "#shared/lines.ts";
import { createLogger } from "#shared/logging.ts";
import { standbyModelPath } from "#shared/paths.ts";
import { workerConfig } from "./config.ts";
import { ENGINES, type EngineThread, openAhead } from "./engines.ts";
import { tinyModel } from "./tiny_model.ts";
import { Worker } from "./worker.ts";

/** What {@linkcode standBy} uses. */
export interface StandbyContext {
  /** Stream of the orders; its end means that there will be none. */
  readonly input: ReadableStream<Uint8Array>;
  /** The thread of llama.cpp that will load the model. */
  readonly thread?: EngineThread | undefined;
}

/**
 * Prepares a worker before its model is known. With `--gpu none` it opens the libraries, and serves a tiny
 * model once, so that all code is loaded and compiled; it does not open a GPU, since that would take memory of
 * it. It goes on as soon as there are orders, prepared or not.
 *
 * @returns the arguments to go on with, after setting their environment; undefined without orders
 */
export async function standBy(
  args: readonly string[],
  { input, thread }: StandbyContext,
): Promise<readonly string[] | undefined> {
  const { values } = parseArgs({ args: [...args], options: { gpu: { type: "string" } } });
  const ordered = new AbortController();
  const first = firstOrders(input).finally(() => ordered.abort());
  // Its failure is reported once nothing is being prepared any more.
  first.catch(() => {});
  if (values.gpu === "none") await prepare(thread, ordered.signal);
  const orders = await first;
  if (!orders) await thread?.close();
  for (const [name, value] of Object.entries(orders?.env ?? {})) Deno.env.set(name, value);
  return orders?.args;
}

async function firstOrders(input: ReadableStream<Uint8Array>): Promise<StandbyOrders | undefined> {
  for await (const line of readLines(input)) {
    try {
      return standbyOrders.parse(JSON.parse(line));
    } catch (error) {
      const message = "The line of orders is not JSON with args and env";
      throw new LlorchError("INVALID_REQUEST", message, { cause: error });
    }
  }
  return undefined;
}

async function prepare(thread: EngineThread | undefined, isOver: AbortSignal): Promise<void> {
  try {
    if (thread) await openAhead(thread);
    if (!isOver.aborted) await serveOnce(isOver);
  } catch (error) {
    // The real model may still load; if not, its start reports the error.
    if (!isOver.aborted) console.error(`Cannot prepare: ${errorMessage(error)}`);
  }
}

/** Time between two checks of whether the tiny model is loaded, in ms, and number of checks. */
const LOOK_MS = 10;
const LOOKS = 1_000;

/** Loads a tiny model, generates tokens for a client, and unloads it. Rejects early once the signal has aborted. */
async function serveOnce(signal: AbortSignal): Promise<void> {
  const model = standbyModelPath(Deno.pid);
  try {
    await Deno.writeFile(model, tinyModel(), { mode: 0o600, createNew: true });
    const config = workerConfig.parse({ model, gpu: "none", port: 0, standalone: true });
    const worker = await Worker.open(config, {
      loadModel: ENGINES.llama(config).load,
      log: createLogger("standby"),
      token: undefined,
      spawnToken: undefined,
    });
    try {
      const client = createClient({ baseUrl: worker.url });
      for (let looks = 0; looks < LOOKS; looks++) {
        const { state } = await client.call(workerRoutes.health, {});
        if (state === "ready") break;
        await delay(LOOK_MS, signal);
      }
      const body = { job_id: "standby", attempt: 1, model: "standby", prompt: "a", max_tokens: 2 };
      const { events } = await client.stream(workerRoutes.execute, { body });
      for await (const _ of events);
    } finally {
      await worker.close();
    }
  } finally {
    await Deno.remove(model).catch(() => {});
  }
}
