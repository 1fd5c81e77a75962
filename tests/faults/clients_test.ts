import assert from "node:assert/strict";
import { dirname } from "node:path";
import { orchestratorRoutes as routes } from "#shared/contracts/mod.ts";
import { createClient } from "#shared/http/client.ts";
import { ENDLESS_CONTEXT } from "../support/counting_job.ts";
import { CuttingProxy } from "../support/cutting_proxy.ts";
import { type Service, withService } from "../support/service.ts";
import { slowCounterModel } from "../support/slow_counter.ts";
import { follow, range, type Received, run, until } from "../support/stack.ts";
import {
  checkNoLeak,
  checkSettled,
  checkWhole,
  countTask,
  followThrough,
  inRounds,
  SETTINGS,
  settings,
} from "./rounds.ts";

const SLOTS = 2;

/** The context has room for jobs that end only when their client leaves. */
const WORKERS = `worker.default_slots = ${SLOTS}
  worker.default_context = ${ENDLESS_CONTEXT}`;

Deno.test("clients that return: streams are complete, nothing is left", async (t) => {
  await withService(dirname(slowCounterModel()), async (service) => {
    await run(service.client, countTask(0, 3));
    await checkNoLeak(service, new Set(), async () => {
      await inRounds(t, "connections of clients are cut", async (n) => {
        const proxy = new CuttingProxy(service.orchestratord.url);
        try {
          const through = createClient({ baseUrl: proxy.url });
          const froms = range(0, 4).map((k) => 1000 * k + n);
          let tokens = 0;
          const onEvent = ({ event }: Received) => {
            if (event === "token" && ++tokens % 150 === 0) proxy.cut();
          };
          const all = await Promise.all(
            froms.map((from) => followThrough(through, countTask(from), onEvent)),
          );
          for (const [k, received] of all.entries()) checkWhole(received, froms[k]!);
        } finally {
          proxy.close();
        }
      });
    });
  }, { ...SETTINGS, poolManagerd: `${SETTINGS.poolManagerd}\n${WORKERS}` });
});

Deno.test("clients that leave: slots are freed, nothing is left", async (t) => {
  // Nobody comes back here, so the grace is short.
  const short = settings(1_500);
  await withService(dirname(slowCounterModel()), async (service) => {
    const { client } = service;
    await run(client, countTask(0, 3));
    await checkNoLeak(service, new Set(), async () => {
      await inRounds(t, "a /v1 client leaves in the queue", async () => {
        using left = leaver();
        fill(service, left.signal);
        await until("all slots are in use", () => isActive(service, SLOTS));
        using waiting = leaver();
        const reply = chat(service, waiting.signal);
        await until("it waits", async () => await queued(service) === 1);
        waiting.leave();
        await assert.rejects(reply);
        await until("it has left the queue", async () => await queued(service) === 0);
        left.leave();
        await checkSettled(service);
      });

      await inRounds(t, "a /v1 client leaves in prefill", async () => {
        using leaving = leaver();
        const reply = chat(service, leaving.signal, " w1".repeat(3500));
        await until("it runs", () => isActive(service, 1));
        leaving.leave();
        await reply.then(({ body }) => body?.cancel()).catch(() => {});
        await checkSettled(service);
      });

      await inRounds(t, "a /v1 client leaves in decode", async () => {
        using leaving = leaver();
        const { body } = await chat(service, leaving.signal);
        const reader = body!.getReader();
        await reader.read();
        // An aborted signal has no effect once the `Response` has been garbage-collected.
        await reader.cancel();
        await checkSettled(service);
      });

      await inRounds(t, "a /v2 client that stays away is cancelled after its grace", async () => {
        const received: Received[] = [];
        const { job_id } = await client.call(routes.submit, { body: countTask(5, 30_000) });
        for await (const event of follow(client, job_id)) {
          received.push(event);
          if (event.event === "token") break;
        }
        await checkSettled(service);
        const job = await client.call(routes.getTask, { params: { id: job_id } });
        assert.equal(job.status, "cancelled");
      });
    });
  }, { ...short, poolManagerd: `${short.poolManagerd}\n${WORKERS}` });
});

/** A client that leaves at the end of its round at the latest: a round that failed disturbs no other. */
function leaver() {
  const controller = new AbortController();
  const leave = () => controller.abort();
  return { signal: controller.signal, leave, [Symbol.dispose]: leave };
}

/** Occupies every slot until the signal. */
function fill({ client }: Service, signal: AbortSignal): void {
  for (const n of range(0, SLOTS)) {
    void (async () => {
      const task = { ...countTask(1000 * n, 30_000), detached: false };
      for await (const _ of follow(client, task, { signal }));
    })().catch(() => {});
  }
}

function chat(
  { orchestratord }: Service,
  signal: AbortSignal,
  content = "w1",
): Promise<Response> {
  return fetch(`${orchestratord.url}/v1/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      model: "slow-counter",
      stream: true,
      max_tokens: 30_000,
      prompt: content,
    }),
    signal,
  });
}

async function isActive({ workers }: Service, slots: number): Promise<boolean> {
  return (await workers()).some(({ active }) => active === slots);
}

async function queued({ client }: Service): Promise<number> {
  const { jobs } = await client.call(routes.queue, {});
  return jobs.length;
}
