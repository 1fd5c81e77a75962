import { parseArgs } from "node:util";
import { ACCEPTED } from "#shared/contracts/common.ts";
import { standbyOrders, workerRoutes } from "#shared/contracts/worker.ts";
import { LOOPBACK } from "#shared/defaults.ts";
import { createApp } from "#shared/http/app.ts";
import { bearerAuth } from "#shared/http/auth.ts";
import { createClient } from "#shared/http/client.ts";
import { listen } from "#shared/http/serve.ts";
import { readLines } from "#shared/lines.ts";
import { createLogger } from "#shared/logging.ts";
import { prepareLlama } from "./engine/llama/load.ts";

/**
 * Does what every start does whatever the model, and then waits until it is known which. With
 * `--gpu none` llama.cpp is started, too; a GPU is left alone, since whoever opens one takes memory of
 * it.
 *
 * @param input Where the orders come; its end means that nobody will give any.
 * @returns the arguments to go on with, whose environment is set; undefined: there are no orders
 */
export async function standBy(
  args: readonly string[],
  input: ReadableStream<Uint8Array>,
): Promise<readonly string[] | undefined> {
  const { values } = parseArgs({
    args: [...args],
    options: { gpu: { type: "string" } },
  });
  const prepared = Promise.all([
    values.gpu === "none" ? prepareLlama() : undefined,
    callOneself(),
  ]);
  for await (const line of readLines(input)) {
    const orders = standbyOrders.parse(JSON.parse(line));
    await prepared;
    for (const [name, value] of Object.entries(orders.env)) Deno.env.set(name, value);
    return orders.args;
  }
  return undefined;
}

/** Serves and calls once: the code of both is loaded and compiled then. */
async function callOneself(): Promise<void> {
  const app = createApp({
    title: "standby",
    log: createLogger("standby"),
    authorize: bearerAuth(undefined),
  });
  app.mount(workerRoutes.shutdown, () => ACCEPTED);
  const server = await listen({ hostname: LOOPBACK, port: 0 }, app.fetch);
  try {
    await createClient({ baseUrl: server.url }).call(workerRoutes.shutdown, {});
  } finally {
    await server.close(0);
  }
}
