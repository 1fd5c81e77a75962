import assert from "node:assert/strict";
import { withHarness } from "../../daemons/orchestratord/testing/harness.ts";
import { llorch, withHome } from "../support/llorch.ts";

Deno.test("names list shows what names stand for, what is fixed, and which model answers", () =>
  withHome((_home, env) =>
    withHarness({}, async (harness) => {
      const list = (...more: string[]) =>
        llorch(["orchestrator", "names", "list", "--url", harness.url, ...more], { env });
      const none = await list();
      assert.deepEqual([none.code, none.out], [0, ""]);
      assert.match(none.err, /No names are configured/);

      harness.reload({
        names: {
          fast: { target: "gone", fallback: "counter", context: 99 },
          code: { target: "counter", parameters: { top_p: 1, stop: ["#"] }, fixed: ["top_p"] },
          lost: { target: "gone" },
        },
      });
      const { code, out } = await list();
      assert.equal(code, 0);
      assert.match(out, /^NAME +TARGET +FALLBACK +ANSWERS +CONTEXT +PARAMETERS$/m);
      assert.match(out, /^fast +gone +counter +counter +99 *$/m);
      assert.match(out, /^code +counter +counter +top_p!=1 stop=\["#"\]$/m);
      assert.match(out, /^lost +gone +none *$/m);
      const { names } = JSON.parse((await list("--json")).out);
      assert.deepEqual(names.map(({ name }: { name: string }) => name), ["fast", "code", "lost"]);
    })
  ));
