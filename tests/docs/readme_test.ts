import assert from "node:assert/strict";
import { join } from "node:path";
import { llorch } from "../support/llorch.ts";
import { ROOT, withStack } from "../support/stack.ts";

const README = Deno.readTextFileSync(join(ROOT, "README.md"));
const BLOCKS = [...README.matchAll(/^```sh\n([^]*?)^```/gm)].map(([, block = ""]) => block);

Deno.test("the README's own examples come out right", async (t) => {
  await withStack({
    models: join(ROOT, "catalog/demo"),
    model: "demo",
    context: "fitting",
  }, async ({ url }) => {
    await t.step("both ways to send a request", async () => {
      const block = BLOCKS.find((each) => each.includes("/v2/tasks"))!;
      const script = block.replaceAll("http://127.0.0.1:8080", url).replaceAll("my-model", "demo")
        .replaceAll("curl ", "curl -sS --fail-with-body ");
      const { code, stdout, stderr } = await new Deno.Command("bash", {
        args: ["-c", `set -euo pipefail\n${script}`],
      }).output();
      const [out, err] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
      assert.equal(code, 0, err);
      assert.match(out!, /data: \[DONE\]/);
      assert.match(out!, /event: end\n/);
    });

    await t.step("a request that names no model gets that of `up`", async () => {
      const reply = await fetch(`${url}/completion`, {
        method: "POST",
        body: JSON.stringify({ prompt: "Once upon a time", n_predict: 3 }),
      });
      assert.equal(reply.status, 200);
      assert.equal((await reply.json()).model, "demo");
    });

    await t.step("the command line counts as it was asked to", async () => {
      const line = BLOCKS.flatMap((block) => block.split("\n"))
        .find((each) => each.includes("jobs submit"))!;
      const words = [...line.replace(/^deno task llorch /, "").matchAll(/"([^"]*)"|(\S+)/g)]
        .map(([, quoted, plain]) => quoted ?? plain!);
      const { code, out, err } = await llorch([...words, "--url", url]);
      assert.equal(code, 0, err);
      assert.match(out, /\b3 4 5 6 7 8\b(?! 9)/);
    });
  });
});
