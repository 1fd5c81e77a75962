import assert from "node:assert/strict";
import { orchestratorRoutes, type Role, type Route } from "#shared/contracts/mod.ts";
import { ROOT, withGuarded } from "./testing/guarded.ts";

/** Callers that may use the routes of each role. */
const MAY: Readonly<Record<Role, readonly string[]>> = {
  none: ["nobody", "stranger", "revoked", "client", "operator", "pool", "root"],
  client: ["client", "operator", "root"],
  operator: ["operator", "root"],
  pool: ["pool", "root"],
  worker: ["root"],
};

/** Callers that are refused because they are unknown, not because of their role. */
const UNKNOWN = ["nobody", "stranger", "revoked"];

/** The headers in which a caller may send its secret. */
const WAYS: readonly ((secret: string) => Record<string, string>)[] = [
  (secret) => ({ authorization: `Bearer ${secret}` }),
  (secret) => ({ "x-api-key": secret }),
];

async function status(
  url: string,
  route: Route,
  secret: Record<string, string>,
): Promise<number> {
  const path = route.path.replace(/\{\w+\}/g, "x");
  const reply = await fetch(url + path, {
    method: route.method,
    headers: {
      "content-type": "application/json",
      ...secret,
    },
    // No route accepts this body: access must be checked before the body.
    ...(route.body ? { body: "[]" } : {}),
  });
  await reply.body?.cancel();
  return reply.status;
}

Deno.test("every route × every caller: 401 for the unknown, 403 for the wrong role", async () => {
  await withGuarded({}, async ({ url, root, key }) => {
    const revoked = await key({ name: "revoked", role: "operator" });
    await root.call(orchestratorRoutes.revokeKey, { params: { id: revoked.key_id } });
    const callers: Record<string, string | undefined> = {
      nobody: undefined,
      stranger: `llorch_${revoked.key_id}_${"0".repeat(64)}`,
      revoked: revoked.secret,
      client: (await key({ name: "c", role: "client" })).secret,
      operator: (await key({ name: "o", role: "operator" })).secret,
      pool: (await key({ name: "p", role: "pool" })).secret,
      root: ROOT,
    };
    for (const [name, route] of Object.entries<Route>(orchestratorRoutes)) {
      for (const [who, secret] of Object.entries(callers)) {
        for (const way of WAYS) {
          const got = await status(url, route, secret === undefined ? {} : way(secret));
          const call = `${name} (${route.role}) as ${who}: ${got}`;
          if (MAY[route.role].includes(who)) assert.ok(got !== 401 && got !== 403, call);
          else assert.equal(got, UNKNOWN.includes(who) ? 401 : 403, call);
        }
      }
    }
  });
});

Deno.test("headers that are almost a key are refused", async () => {
  await withGuarded({}, async ({ url, key }) => {
    const { secret } = await key({ name: "a" });
    for (const key of [`${secret}0`, `Bearer ${secret}`, secret.toUpperCase(), "x", ""]) {
      const reply = await fetch(`${url}/v2/queue`, { headers: { "x-api-key": key } });
      assert.equal(reply.status, 401, key);
      await reply.body?.cancel();
    }
    const hostile = [
      secret,
      `Basic ${secret}`,
      `Bearer ${secret} `.slice(0, -2),
      `Bearer ${secret}0`,
      `Bearer ${secret.toUpperCase()}`,
      `Bearer ${secret.replace(/_/g, "-")}`,
      `Bearer llorch_' OR 1=1 --_${"0".repeat(64)}`,
      `Bearer ${"x".repeat(4000)}`,
      `Bearer ${ROOT}x`,
      `Bearer ${ROOT.slice(1)}`,
      "Bearer ",
      "Bearer",
      "Bearer \u00ff\u00fe",
    ];
    for (const authorization of hostile) {
      const reply = await fetch(`${url}/v2/queue`, { headers: { authorization } });
      assert.equal(reply.status, 401, authorization);
      assert.equal(reply.headers.get("www-authenticate"), "Bearer");
      const text = await reply.text();
      assert.ok(!text.includes(secret) && !text.includes(ROOT));
    }
  });
});
