import assert from "node:assert/strict";
import { orchestratorRoutes as routes } from "#shared/contracts/mod.ts";
import { withHarness } from "../../daemons/orchestratord/testing/harness.ts";
import { llorch, withHome } from "../support/llorch.ts";

Deno.test("events: each event is one line, whatever the model's name", async () => {
  await withHarness({}, async ({ client, pool, url }) => {
    const state = pool.state();
    const name = "x\n2026-01-01T00:00:00.000Z  exit          forged \u202edetrever\u001b[2J";
    const models = [{ ...state.models[0]!, model_ref: `file:/${name}`, aliases: [name] }];
    pool.state = () => ({ ...state, models_revision: 2, models });
    await pool.register();
    await client.call(routes.pinModel, { params: { ref: name } });
    await withHome(async (_, env) => {
      const { out, code } = await llorch(["orchestrator", "events", "--url", url], { env });
      assert.equal(code, 0);
      const lines = out.trimEnd().split("\n");
      const pinned = lines.find((line) => line.includes("  pin  ")) ?? "";
      assert.ok(pinned.includes("Model x\\n2026-01-01T00:00:00.000Z  exit"), out);
      assert.ok(pinned.includes("forged \\u202edetrever\\x1b[2J is pinned"), out);
      assert.equal(lines.filter((line) => line.includes("forged")).length, 1);
    });
  });
});
