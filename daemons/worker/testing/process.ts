import { type WorkerEvent, workerEvent } from "#shared/contracts/events.ts";
import { workerRoutes } from "#shared/contracts/worker.ts";
import { ENV } from "#shared/defaults.ts";
import { type Client, createClient } from "#shared/http/client.ts";
import { startDaemon } from "../../../tests/support/service.ts";
import type { Program } from "../../../tests/support/stack.ts";
import { request } from "./generator.ts";
import { TOKEN, whenReady } from "./worker.ts";

/** A worker in a process of its own. */
export interface WorkerProcess {
  readonly program: Program;
  readonly client: Client;
  /** Lines of its log so far; the list grows. */
  readonly log: readonly Record<string, unknown>[];
  /** Runs a request and returns its events as they come. */
  ask(fields: Record<string, unknown>): AsyncGenerator<WorkerEvent>;
}

/**
 * Starts a worker with one thread on the CPU and waits until it listens.
 *
 * @param args Further arguments.
 * @param before Words in front of its command.
 */
export async function startWorker(
  model: string,
  args: readonly string[] = [],
  before: readonly string[] = [],
): Promise<WorkerProcess> {
  const own = ["--port=0", "--standalone", "--gpu=none", "--threads=1", `--model=${model}`];
  const env = { [ENV.workerToken]: TOKEN };
  const { program, url, log } = await startDaemon(
    "llorch-candled",
    [...own, ...args],
    env,
    before,
  );
  const client = createClient({ baseUrl: url, token: TOKEN });
  return {
    ...{ program, client, log },
    async *ask(fields) {
      const { events } = await client.stream(workerRoutes.execute, { body: request(fields) });
      for await (const { event, data } of events) {
        yield workerEvent.parse({ event, data: JSON.parse(data) });
      }
    },
  };
}

/** Runs `work` with a worker that is ready. It ends with this at the latest. */
export async function withWorker(
  model: string,
  args: readonly string[],
  work: (worker: WorkerProcess) => Promise<void>,
): Promise<void> {
  const worker = await startWorker(model, args);
  try {
    await whenReady(worker.client);
    await work(worker);
  } finally {
    worker.program.kill("SIGKILL");
    await worker.program.status;
  }
}

/** The first event of a kind; the others before it are dropped. */
export async function eventOf(
  events: AsyncGenerator<WorkerEvent>,
  kind: WorkerEvent["event"],
): Promise<WorkerEvent> {
  for (let next = await events.next(); !next.done; next = await events.next()) {
    if (next.value.event === kind) return next.value;
  }
  throw new Error(`The stream ended without ${kind}`);
}

/** The last event of a stream. */
export async function lastOf(events: AsyncGenerator<WorkerEvent>): Promise<WorkerEvent> {
  let last: WorkerEvent | undefined;
  for await (const event of events) last = event;
  if (!last) throw new Error("The stream had no events");
  return last;
}
