import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import fc from "fast-check";
import {
  orchestratorRoutes,
  poolRoutes,
  type PoolState,
  type Route,
  workerRoutes,
} from "#shared/contracts/mod.ts";
import { writeEncoderModel } from "../support/encoder_model.ts";
import { counterModel, writeGapModel } from "../support/models.ts";
import { until, withStack } from "../support/stack.ts";
import { type Case, check, send } from "./contract.ts";
import { poolCases, spawnCase, workerCases } from "./host_cases.ts";
import { orchestratorCases } from "./orchestrator_cases.ts";

/** Only a worker with libmtmd hears, which `tests/engines/own_pictures_test.ts` tests. */
const CALLED_ELSEWHERE: readonly Route[] = [orchestratorRoutes.transcribe];

/**
 * Checks that every route of a table is called with success and, if it takes input, with errors.
 */
function assertCovered(table: Record<string, Route>, cases: readonly Case[]): void {
  for (const [name, route] of Object.entries(table)) {
    const own = cases.filter((each) => each.route === route);
    // Some routes only say what to do instead.
    const wanted = route.errors.includes("NOT_IMPLEMENTED") ? "NOT_IMPLEMENTED" : undefined;
    const isCalled = own.some((each) => each.error === wanted) || CALLED_ELSEWHERE.includes(route);
    assert.ok(isCalled, `${name} is never called with success`);
    if (route.body || route.form) {
      assert.ok(own.some((each) => each.error === "INVALID_REQUEST"), `${name} is never refused`);
    }
  }
}

/** Must be the last case: it ends a worker. */
const reload = (id: string): Case => ({
  route: orchestratorRoutes.reloadPool,
  params: { id },
  body: { from: "ranker", to: "counter", deadline_ms: 1000 },
});

Deno.test("every route keeps its contract, on error paths too", async (t) => {
  const stateDir = await Deno.makeTempDir({ prefix: "llorch-test-" });
  try {
    const models = dirname(counterModel());
    writeGapModel(join(models, "gap.gguf"));
    writeEncoderModel(join(models, "ranker.gguf"), { purpose: "rank" });
    const env = {
      LLORCH_SAVED_SLOTS_MAX_BYTES: "100000000",
      // Requests that name no model have no answer where there are several.
      LLORCH_DEFAULT_MODEL: "",
    };
    await withStack({ models, model: "counter", stateDir, env }, async (stack) => {
      const state = await check(stack.poolUrl, { route: poolRoutes.state }) as PoolState;
      const worker = state.workers[0]!;

      await t.step("orchestratord", async () => {
        const cases = await orchestratorCases(stack, state);
        assertCovered(orchestratorRoutes, [...cases, reload(state.pool_id)]);
        for (const each of cases) await check(stack.url, each);
      });

      await t.step("every route that is served is in the table", async () => {
        const { paths } = await (await fetch(`${stack.url}/openapi.json`)).json();
        const served = Object.entries(paths as Record<string, object>).flatMap(([path, each]) =>
          Object.keys(each).map((method) => `${method.toUpperCase()} ${path}`)
        );
        const listed = Object.values(orchestratorRoutes).map(({ method, path }) =>
          `${method} ${path}`
        );
        assert.deepEqual(served.sort(), listed.sort());
      });

      await t.step("wrong paths and methods", async () => {
        const nowhere = await fetch(`${stack.url}/v2/nowhere`);
        assert.equal(nowhere.status, 404);
        assert.equal((await nowhere.json()).error.code, "NOT_FOUND");
        const wrong = await fetch(`${stack.url}/v2/models`, { method: "DELETE" });
        assert.equal(wrong.status, 405);
        assert.equal(wrong.headers.get("allow"), "GET");
        assert.equal((await wrong.json()).error.code, "METHOD_NOT_ALLOWED");
      });

      await t.step("a caller's correlation id is kept if it is harmless", async () => {
        for (const [given, isKept] of [["abc-123", true], ["x".repeat(65), false]] as const) {
          const reply = await fetch(`${stack.url}/health`, {
            headers: { "x-correlation-id": given },
          });
          await reply.body?.cancel();
          assert.equal(reply.headers.get("x-correlation-id") === given, isKept);
        }
      });

      await t.step("clients never see the token of a worker", async () => {
        for (const path of ["/v2/workers", "/v2/pools", "/v2/models", "/metrics"]) {
          const text = await (await fetch(stack.url + path)).text();
          assert.ok(!text.includes(worker.token), path);
        }
      });

      await t.step("garbage is a 4xx, never a 5xx, and changes nothing", async () => {
        const routes = Object.values<Route>(orchestratorRoutes).filter(({ body, role }) =>
          body && role === "client"
        );
        await fc.assert(
          fc.asyncProperty(fc.constantFrom(...routes), fc.jsonValue(), async (route, value) => {
            const reply = await send(stack.url, { route, body: JSON.stringify(value) });
            await reply.body?.cancel();
            const isRefused = reply.status >= 400 && reply.status < 500;
            // A route of which no field is needed takes an empty object.
            const isValid = reply.status === 200 && route.body!.safeParse(value).success;
            const isRight = isRefused || isValid || reply.status === 501;
            assert.ok(isRight, `${route.path}: ${reply.status}`);
          }),
          { numRuns: 600 },
        );
        const almost = fc.record({
          model: fc.constant("counter"),
          prompt: fc.constant("w7"),
          max_tokens: fc.oneof(fc.constant(1), fc.anything()),
          temperature: fc.oneof(fc.constant(0), fc.double(), fc.string()),
          seed: fc.oneof(fc.constant(1), fc.double(), fc.bigInt().map(String)),
          stop: fc.oneof(fc.constant([]), fc.array(fc.string()), fc.string()),
          logit_bias: fc.oneof(fc.constant({}), fc.dictionary(fc.string(), fc.double())),
        });
        await fc.assert(
          fc.asyncProperty(almost, async (value) => {
            const reply = await send(stack.url, {
              route: orchestratorRoutes.submit,
              body: JSON.stringify({ ...value, max_tokens: value.max_tokens ?? 1 }),
            });
            await reply.body?.cancel();
            assert.ok(reply.status < 500 && reply.status !== 404, `${reply.status}`);
          }),
          { numRuns: 100 },
        );
        await until("the queue is empty again", async () => {
          const queue = await (await fetch(`${stack.url}/v2/queue`)).json();
          return queue.depth === 0;
        });
      });

      await t.step("llorch-candled", async () => {
        const closed = await send(worker.uri!, { route: workerRoutes.ready });
        assert.equal(closed.status, 401);
        await closed.body?.cancel();
        const open = await send(worker.uri!, { route: workerRoutes.health });
        assert.equal(open.status, 200);
        await open.body?.cancel();
        const cases = workerCases(join(stateDir, "pool-managerd", "slots"));
        // Only another model can rank.
        const { workers } = await check(stack.poolUrl, { route: poolRoutes.state }) as PoolState;
        const ranker = workers.find((each) => each.capabilities.includes("rerank"))!;
        const rank = { route: workerRoutes.rerank, body: { query: "w1", documents: ["w2"] } };
        await check(ranker.uri!, rank, ranker.token);
        assertCovered(workerRoutes, [...cases, rank]);
        for (const each of cases) await check(worker.uri!, each, worker.token);
      });

      await t.step("pool-managerd", async () => {
        const isNew = ({ fingerprint, pid }: PoolState["workers"][number]) =>
          fingerprint === worker.fingerprint && pid !== worker.pid;
        await check(stack.url, reload(state.pool_id));
        await until("a worker runs again", async () => {
          await check(stack.url, {
            route: orchestratorRoutes.loadModel,
            params: { ref: "counter" },
          });
          const now = await check(stack.poolUrl, { route: poolRoutes.state }) as PoolState;
          return now.workers.some((each) => isNew(each) && each.state === "ready");
        });
        const now = await check(stack.poolUrl, { route: poolRoutes.state }) as PoolState;
        const second = await check(stack.poolUrl, spawnCase(now, "contract-0"));
        const { worker_id: other } = second as { worker_id: string };
        const cases = poolCases({ ...now, workers: now.workers.filter(isNew) }, other);
        const { workerReady: _, ...rest } = poolRoutes;
        assertCovered(rest, cases);
        for (const each of cases) await check(stack.poolUrl, each);
      });
    });
  } finally {
    await Deno.remove(stateDir, { recursive: true });
  }
});
