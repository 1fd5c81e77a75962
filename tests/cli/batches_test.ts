import assert from "node:assert/strict";
import { begin } from "../../daemons/orchestratord/testing/batches.ts";
import { withHarness } from "../../daemons/orchestratord/testing/harness.ts";
import { llorch, withHome } from "../support/llorch.ts";
import { until } from "../support/stack.ts";

const CHAT = "/v1/chat/completions";

const chat = (model: string) => ({
  ...{ model, max_tokens: 5 },
  messages: [{ role: "user", content: "w7" }],
});

Deno.test("batches are listed, shown and cancelled", async (t) => {
  await withHarness({}, async (harness) => {
    await withHome(async (_, env) => {
      const batches = (...args: string[]) =>
        llorch(["orchestrator", "batches", ...args, "--url", harness.url], { env });
      const none = await batches("list");
      assert.deepEqual([none.code, none.out, none.err], [0, "", "There are no batches\n"]);
      const { id } = await begin(harness, CHAT, [chat("counter"), chat("counter")]);

      await t.step("show says how far one is, and which files it has", async () => {
        await until(
          "it has ended",
          async () => JSON.parse((await batches("show", id, "--json")).out).status === "completed",
        );
        const { out } = await batches("show", id);
        assert.match(out, new RegExp(`^batch +${id}$`, "m"));
        assert.match(out, /^requests +2: 2 answered, 0 failed$/m);
        assert.match(out, /^completed +\d{4}-\d\d-\d\dT[\d:.]+Z$/m);
        assert.match(out, /^output +file-\w+-output$/m);
        assert.doesNotMatch(out, /^(?:errors?|expires) /m);
      });

      await t.step("list has the newest first", async () => {
        const second = await begin(harness, CHAT, [chat("nope")]);
        const { code, out } = await batches("list");
        assert.equal(code, 0);
        assert.match(out, /^BATCH +STATUS +ENDPOINT +CREATED +DONE +FAILED$/m);
        assert.match(out, new RegExp(`^${id} +completed +${CHAT} +.* ago +2 of 2 +0$`, "m"));
        const { batches: [newest] } = JSON.parse((await batches("list", "-n", "1", "--json")).out);
        assert.equal(newest.id, second.id);
      });

      await t.step("cancel cancels what has not ended, and says what it cannot", async () => {
        harness.pool.only().allow(0);
        const running = await begin(harness, CHAT, [chat("counter")]);
        const ran = await batches("cancel", running.id, id, "batch_none");
        assert.equal(ran.code, 1);
        assert.match(ran.out, new RegExp(`^${running.id} +cancell(?:ing|ed)\n$`));
        assert.match(ran.err, new RegExp(`Cannot cancel batch "${id}": it is completed`));
        assert.match(ran.err, /Cannot find batch "batch_none"/);
        await until(
          "it has ended",
          async () =>
            JSON.parse((await batches("show", running.id, "--json")).out).status === "cancelled",
        );
      });
    });
  });
});
