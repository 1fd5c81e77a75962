import { activityData, activityKind } from "#shared/contracts/activity.ts";
import { orchestratorRoutes as routes } from "#shared/contracts/orchestrator_routes.ts";
import { EXIT } from "#shared/defaults.ts";
import { errorMessage, LlorchError } from "#shared/errors.ts";
import type { Client } from "#shared/http/client.ts";
import type { SseMessage } from "#shared/http/sse.ts";
import { delay } from "#shared/lifecycle.ts";
import { oneLine } from "#shared/printable.ts";
import type { Invocation } from "../../command.ts";
import type { Context } from "../../context.ts";
import { connect } from "../../daemons/connect.ts";
import { ORCHESTRATORD } from "../../daemons/kind.ts";
import { OutputClosed } from "../../output/process_output.ts";

/** Longest time to reconnect for, in milliseconds: orchestratord may be restarting. */
const RECONNECT_FOR_MS = 60_000;
const PAUSE_MS = 500;

/**
 * `llorch orchestrator events`
 *
 * @throws {LlorchError} `NOT_READY` if the stream broke off; with `--follow`, if it cannot be opened again
 * in time
 */
export async function events(
  { options }: Invocation<{ follow: boolean; json: boolean; url: string | undefined }>,
  context: Context,
): Promise<number> {
  const client = await connect(ORCHESTRATORD, options, context);
  const { signal, stdout, stderr } = context;
  const { follow, json: isJson } = options;
  let last: string | undefined;
  let lostAt: number | undefined;
  while (true) {
    try {
      for await (const message of connection(client, last, follow, signal)) {
        lostAt = undefined;
        last = message.id ?? last;
        const line = lineOf(message, isJson);
        if (line !== undefined) stdout.write(line + "\n");
      }
      if (!follow) return EXIT.ok;
      throw new LlorchError("NOT_READY", "The stream broke off");
    } catch (error) {
      if (signal.aborted) return EXIT.interrupted;
      const isFinal = error instanceof LlorchError && !error.retriable;
      if (!follow || isFinal || error instanceof OutputClosed) throw error;
      if (lostAt === undefined) stderr.write(`llorch: ${errorMessage(error)}; connecting again\n`);
      lostAt ??= performance.now();
      if (performance.now() - lostAt > RECONNECT_FOR_MS) throw error;
    }
    await delay(PAUSE_MS, signal).catch(() => {});
  }
}

async function* connection(
  client: Client,
  last: string | undefined,
  follow: boolean,
  signal: AbortSignal,
): AsyncGenerator<SseMessage> {
  const { events } = await client.stream(routes.serviceEvents, {
    query: { follow: follow ? "true" : "false" },
    headers: last === undefined ? {} : { "last-event-id": last },
  }, { signal });
  yield* events;
}

/**
 * An event as exactly one line, whatever names are in it. Undefined for messages that are not
 * events, such as the current load.
 */
function lineOf({ event, data, id }: SseMessage, isJson: boolean): string | undefined {
  if (!activityKind.safeParse(event).success) return undefined;
  const activity = activityData.parse(JSON.parse(data));
  if (isJson) {
    return JSON.stringify({ ...(id ? { id: Number(id) } : {}), kind: event, ...activity });
  }
  return oneLine(`${activity.at}  ${event.padEnd(12)}  ${activity.message}`);
}
