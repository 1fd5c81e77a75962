import { orchestratorRoutes } from "#shared/contracts/orchestrator_routes.ts";
import type { Heartbeat, PoolState } from "#shared/contracts/pool.ts";
import { LlorchError } from "#shared/errors.ts";
import { createApp } from "#shared/http/app.ts";
import { bearerAuth } from "#shared/http/auth.ts";
import { listen } from "#shared/http/serve.ts";
import { recordingLogger } from "./log.ts";

/** A call of a pool. */
export type PoolCall =
  | { readonly kind: "register"; readonly body: PoolState }
  | { readonly kind: "heartbeat"; readonly body: Heartbeat }
  | { readonly kind: "deregister"; readonly body: { readonly instance_id: string } };

/** Replies of the fake orchestrator; a test may change them at any time. */
export interface FakeAnswers {
  intervalMs: number;
  /** Errors for registrations and heartbeats, while set. */
  refuse: { register?: LlorchError | undefined; heartbeat?: LlorchError | undefined };
  acknowledge: boolean;
  /** Whether it knows the reported workers, so that later reports may leave out fields. */
  remembers: boolean;
  /** Heartbeats get no reply while the caller waits. */
  hangs: boolean;
}

/** The orchestrator's side of the contract, which records all calls. */
export async function fakeOrchestrator(options: { port?: number; token?: string } = {}) {
  const calls: PoolCall[] = [];
  let consumed = 0;
  let notify = () => {};
  const answers: FakeAnswers = {
    intervalMs: 20,
    refuse: {},
    acknowledge: true,
    remembers: false,
    hangs: false,
  };
  const record = (each: PoolCall) => {
    calls.push(each);
    notify();
  };
  const reply = (body: Pick<Heartbeat, "exits" | "workers">) => ({
    heartbeat_interval_ms: answers.intervalMs,
    timeout_ms: answers.intervalMs * 3,
    acknowledged: answers.acknowledge ? body.exits.map((exit) => exit.worker_id) : [],
    known: answers.remembers ? body.workers.map((worker) => worker.worker_id) : [],
  });
  const app = createApp({
    title: "fake",
    log: recordingLogger(),
    authorize: bearerAuth(options.token),
  });
  app.mount(orchestratorRoutes.registerPool, ({ body }) => {
    record({ kind: "register", body });
    if (answers.refuse.register) throw answers.refuse.register;
    return reply(body);
  });
  app.mount(orchestratorRoutes.heartbeat, async ({ body, signal }) => {
    record({ kind: "heartbeat", body });
    if (answers.hangs) {
      await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
    }
    if (answers.refuse.heartbeat) throw answers.refuse.heartbeat;
    return reply(body);
  });
  app.mount(orchestratorRoutes.deregisterPool, ({ body }) => {
    record({ kind: "deregister", body });
    return { status: "accepted" as const };
  });
  const server = await listen({ hostname: "127.0.0.1", port: options.port ?? 0 }, app.fetch);

  return {
    calls,
    answers,
    url: server.url,
    port: server.port,
    close: () => server.close(100),
    /** Waits for the next matching call, after the one that was returned last. */
    async next(matches: (call: PoolCall) => boolean, timeoutMs = 120_000): Promise<PoolCall> {
      const timeout = AbortSignal.timeout(timeoutMs);
      while (true) {
        for (; consumed < calls.length; consumed++) {
          const each = calls[consumed];
          if (each && matches(each)) {
            consumed++;
            return each;
          }
        }
        await new Promise<void>((resolve, reject) => {
          notify = resolve;
          timeout.onabort = () => reject(new Error(`No matching call within ${timeoutMs} ms`));
        });
        timeout.onabort = null;
      }
    },
  };
}
