/**
 * What llama.cpp says of loads, from a real worker's child to the orchestrator's list of models.
 *
 * @module
 */
import assert from "node:assert/strict";
import { dirname } from "node:path";
import { orchestratorRoutes as routes } from "#shared/contracts/mod.ts";
import { counterModel } from "../support/models.ts";
import { withService } from "../support/service.ts";
import { until } from "../support/stack.ts";

Deno.test("the orchestrator shows what llama.cpp says of a model's load, and plans with it", () =>
  withService(dirname(counterModel()), async ({ client }) => {
    const model = async () =>
      (await client.call(routes.models, { query: { fit: "true" } })).models[0]!;
    await until("llama.cpp has said it", async () => (await model()).estimated_by === "engine");
    const { estimated_bytes, fit } = await model();
    // A worker's process alone takes more than this.
    assert.ok(estimated_bytes > 64 * 2 ** 20, `${estimated_bytes}`);
    const { pools: [pool] } = await client.call(routes.pools, {});
    const [cpu] = pool!.devices.filter(({ kind }) => kind === "cpu");
    assert.equal(fit?.find(({ device }) => device === cpu!.id)?.needed_bytes, estimated_bytes);
  }, { estimates: true }));
