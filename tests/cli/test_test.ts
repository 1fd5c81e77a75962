import assert from "node:assert/strict";
import { dirname } from "node:path";
import { ENDLESS_CONTEXT } from "../support/counting_job.ts";
import { llorch } from "../support/llorch.ts";
import { slowCounterModel } from "../support/slow_counter.ts";
import { withStack } from "../support/stack.ts";
import { SHOW_ARGUMENTS, withTinyCheckout } from "../support/tiny_checkout.ts";

Deno.test("test runs the checkout's own runner with folders, filter and watch", async () => {
  await withTinyCheckout(["test"], async ({ dir, env, write }) => {
    await write("test.ts", SHOW_ARGUMENTS);
    for (const folder of ["shared", "tests/contract", "tests/e2e"]) await write(`${folder}/x`, "");
    const test = async (...args: string[]) => {
      const { code, out, err } = await llorch(["test", ...args], { cwd: dir, env });
      assert.equal(code, 0, err);
      return JSON.parse(out);
    };
    assert.deepEqual(await test("unit", "--filter", "a b"), ["--filter=a b", "cli/", "shared/"]);
    assert.deepEqual(await test("integration"), ["tests/contract/"]);
    assert.deepEqual(await test("e2e", "--watch"), ["--watch", "tests/e2e/"]);
    assert.deepEqual(await test("all"), []);
    await write("test.ts", `console.log("2 passed, 1 failed"); Deno.exit(3);`);
    const failed = await llorch(["test", "all"], { cwd: dir, env });
    assert.deepEqual([failed.code, failed.out], [3, "2 passed, 1 failed\n"]);
  });
});

Deno.test("test smoke succeeds with a running stack", async () => {
  // The job that it cancels must not end by itself.
  const slow = { models: dirname(slowCounterModel()), model: "slow-counter" };
  await withStack({ ...slow, context: ENDLESS_CONTEXT }, async ({ url }) => {
    const smoke = (...args: string[]) => llorch(["test", "smoke", "--url", url, ...args]);
    const { code, out, err } = await smoke();
    assert.equal(code, 0, out + err);
    const names = out.trim().split("\n").map((line) => line.split(/ {2,}/).slice(0, 2));
    const expected = ["health", "ready", "metrics", "model", "tokens /v2", "tokens /v1", "cancel"];
    assert.deepEqual(names, expected.map((name) => ["ok", name]));
    assert.match(out, /cancel .* ended as cancelled$/m);

    const wrong = await smoke("--model", "nobody", "--json");
    assert.equal(wrong.code, 1);
    const { ok, checks } = JSON.parse(wrong.out);
    assert.equal(ok, false);
    assert.match(checks.at(-1).message, /^no pool has nobody: there is .*counter/);
  });
});

Deno.test("test smoke fails if nothing answers, and if the address is not valid", async () => {
  const server = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = server.addr as Deno.NetAddr;
  server.close();
  const nobody = await llorch(["test", "smoke", "--url", `http://127.0.0.1:${port}`]);
  assert.equal(nobody.code, 1);
  assert.match(
    nobody.out,
    /^fail {2}health {2}\d+ ms {2}orchestratord does not answer at http:.* start it/,
  );
  const wrong = await llorch(["test", "smoke", "--url", "localhost:8080"]);
  assert.equal(wrong.code, 2);
  assert.match(wrong.err, /^llorch: Cannot use --url localhost:8080: it must begin with http/);
});
