import { poolRoutes as routes } from "#shared/contracts/pool_routes.ts";
import { EXIT } from "#shared/defaults.ts";
import { LlorchError } from "#shared/errors.ts";
import type { Client } from "#shared/http/client.ts";
import { delay } from "#shared/lifecycle.ts";
import type { Invocation } from "../../command.ts";
import type { Context } from "../../context.ts";
import { connect } from "../../daemons/connect.ts";
import { POOL_MANAGERD } from "../../daemons/kind.ts";
import { idWord } from "../../daemons/id_word.ts";

/** Time between two looks at the pool, in milliseconds. */
const LOOK_MS = 50;

/** Draining is followed by a stop with the pool manager's own deadline, 30 s by default. */
const MARGIN_MS = 60_000;

/** `llorch worker stop` */
export async function run(
  { args, options }: Invocation<
    { deadlineMs: number; drain: boolean; quiet: boolean; url: string | undefined }
  >,
  context: Context,
): Promise<number> {
  const id = idWord(args, "worker", "llorch worker list");
  const deadline_ms = options.deadlineMs;
  const client = await connect(POOL_MANAGERD, options, context);
  const route = options.drain ? routes.drainWorker : routes.stopWorker;
  await client.call(route, { params: { id }, body: { deadline_ms } });
  await untilGone(client, id, deadline_ms + MARGIN_MS, context.signal);
  if (!options.quiet) context.stderr.write(`Stopped worker ${id}\n`);
  return EXIT.ok;
}

async function untilGone(
  client: Client,
  id: string,
  deadlineMs: number,
  signal: AbortSignal,
): Promise<void> {
  const deadline = performance.now() + deadlineMs;
  while (performance.now() < deadline) {
    const { workers } = await client.call(routes.state, {}, { signal });
    if (!workers.some(({ worker_id }) => worker_id === id)) return;
    await delay(LOOK_MS, signal);
  }
  throw new LlorchError("TIMEOUT", `Worker ${id} still runs; llorch worker logs ${id} may say why`);
}
