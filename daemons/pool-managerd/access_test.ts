import assert from "node:assert/strict";
import { join } from "node:path";
import { type Route } from "#shared/contracts/route.ts";
import { poolRoutes } from "#shared/contracts/pool_routes.ts";
import { callbackToken, secretSha256 } from "#shared/secrets.ts";
import { openTestPool } from "./testdata/test_pool.ts";

const TOKEN = "the-token-of-this-pool";

async function status(url: string, route: Route, secret: string | undefined): Promise<number> {
  const reply = await fetch(url + route.path.replace(/\{\w+\}/g, "x"), {
    method: route.method,
    headers: {
      "content-type": "application/json",
      ...(secret === undefined ? {} : { authorization: `Bearer ${secret}` }),
    },
    ...(route.body ? { body: "[]" } : {}),
  });
  await reply.body?.cancel();
  return reply.status;
}

Deno.test("every route of a pool manager accepts its own token and the orchestrator's, no other", async () => {
  const dir = await Deno.makeTempDir();
  const token_file = join(dir, "token");
  await Deno.writeTextFile(token_file, TOKEN, { mode: 0o600 });
  const pool = await openTestPool("", { token_file });
  const sha256 = secretSha256(TOKEN);
  try {
    for (const [name, route] of Object.entries<Route>(poolRoutes)) {
      const isOpen = route.role === "none";
      for (const secret of [undefined, "x", TOKEN + "x", sha256, callbackToken(TOKEN)]) {
        const got = await status(pool.url, route, secret);
        assert.equal(got === 401, !isOpen, `${name} with ${secret}: ${got}`);
      }
      for (const secret of [TOKEN, callbackToken(sha256)]) {
        const got = await status(pool.url, route, secret);
        assert.ok(got !== 401 && got !== 403, `${name}: ${got}`);
      }
    }
  } finally {
    await pool.dispose();
    await Deno.remove(dir, { recursive: true });
  }
});
