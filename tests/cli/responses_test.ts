import assert from "node:assert/strict";
import type { ResponseObject } from "#shared/contracts/mod.ts";
import { withHarness } from "../../daemons/orchestratord/testing/harness.ts";
import { llorch, withHome } from "../support/llorch.ts";

Deno.test("stored responses are listed, shown, cancelled and deleted", async (t) => {
  await withHarness({}, async (harness) => {
    await withHome(async (_, env) => {
      const responses = (...args: string[]) =>
        llorch(["orchestrator", "responses", ...args, "--url", harness.url], { env });
      const respond = async (extra: Record<string, unknown>): Promise<ResponseObject> => {
        const reply = await fetch(`${harness.url}/v1/responses`, {
          method: "POST",
          body: JSON.stringify({ model: "counter", input: "w7", max_output_tokens: 5, ...extra }),
        });
        return await reply.json();
      };
      const none = await responses("list");
      assert.deepEqual([none.code, none.out, none.err], [0, "", "There are no stored responses\n"]);
      const first = await respond({});
      const second = await respond({ previous_response_id: first.id });

      await t.step("list has the newest first", async () => {
        const { code, out } = await responses("list");
        assert.equal(code, 0);
        const [head, ...rows] = out.trim().split("\n");
        assert.match(head!, /^RESPONSE +STATUS +MODEL +CREATED +USED +SIZE$/);
        assert.deepEqual(rows.map((row) => row.split(/ +/, 3)), [
          [second.id, second.status, "counter"],
          [first.id, first.status, "counter"],
        ]);
        const { responses: [newest, ...more] } = JSON.parse(
          (await responses("list", "-n", "1", "--json")).out,
        );
        assert.deepEqual([newest.id, newest.previous_response_id], [second.id, first.id]);
        assert.equal(more.length, 0);
      });

      await t.step("show has what is known of one, and its text", async () => {
        const { out } = await responses("show", second.id);
        assert.match(out, new RegExp(`^response +${second.id}$`, "m"));
        assert.match(out, new RegExp(`^continues +${first.id}$`, "m"));
        assert.match(out, /^tokens +\d+ in, 5 out$/m);
        assert.match(out, /\n\n.*\bw\d+/);
        assert.equal(JSON.parse((await responses("show", first.id, "--json")).out).id, first.id);
      });

      await t.step("cancel cancels one that is being made", async () => {
        harness.pool.only().allow(0);
        const { id } = await respond({ background: true });
        const ran = await responses("cancel", id, "resp_none");
        assert.equal(ran.code, 1);
        assert.equal(ran.out, `${id}  cancelled\n`);
        assert.match(ran.err, /Cannot find response "resp_none"/);
      });

      await t.step("delete erases them", async () => {
        const ran = await responses("delete", first.id, "resp_none", second.id);
        assert.equal(ran.code, 1);
        assert.equal(ran.out, `${first.id}  deleted\n${second.id}  deleted\n`);
        assert.match(ran.err, /Cannot find response "resp_none"/);
        const { responses: left } = JSON.parse((await responses("list", "--json")).out);
        assert.deepEqual(left.map(({ status }: { status: string }) => status), ["cancelled"]);
      });
    });
  });
});
