import assert from "node:assert/strict";
import { orchestratorRoutes as routes } from "#shared/contracts/mod.ts";
import { createLogger } from "#shared/logging.ts";
import { until } from "../../tests/support/stack.ts";
import { keys as keysCommand } from "./commands/keys.ts";
import { configSchema, databasePath } from "./config.ts";
import { Orchestratord } from "./daemon.ts";
import type { Store } from "./store/job_store.ts";
import { openSqliteStore } from "./store/sqlite/store.ts";
import { ROOT, withGuarded } from "./testing/guarded.ts";
import { runningResponse, storedResponse } from "./testing/response_cases.ts";

const HOUR = 3_600_000;

/** Ids of the stored responses, newest first. */
async function kept({ responses }: Store): Promise<string[]> {
  return (await responses.page({ limit: 9 })).map(({ id }) => id);
}

/** How many stored responses a daemon has erased for a reason. */
async function removed(url: string, reason: string): Promise<number> {
  const headers = { authorization: `Bearer ${ROOT}` };
  const text = await (await fetch(`${url}/metrics`, { headers })).text();
  const line = `orchd_responses_removed_total{reason="${reason}"} `;
  return Number(text.split("\n").find((each) => each.startsWith(line))?.slice(line.length));
}

Deno.test("stored responses are erased retention.stored_ms after their last use; a reload changes it", async () => {
  const dir = await Deno.makeTempDir();
  const settings = (stored_ms: number) =>
    configSchema.parse({ port: 0, state_dir: dir, retention: { stored_ms, sweep_ms: 10 } });
  try {
    const daemon = await Orchestratord.open(settings(HOUR), { log: createLogger("test") });
    const store = openSqliteStore(databasePath(dir));
    try {
      const now = Date.now();
      await store.responses.add(runningResponse("running", { usedAt: now - 2 * HOUR }));
      await store.responses.add(storedResponse("now", { usedAt: now }));
      await store.responses.add(storedResponse("recent", { usedAt: now - HOUR / 2 }));
      await store.responses.add(storedResponse("old", { usedAt: now - 2 * HOUR }));
      await until("it is counted", async () => await removed(daemon.url, "expired") === 1);
      assert.deepEqual(await kept(store), ["recent", "now", "running"]);

      const { changed, kept: unchanged } = daemon.reload(settings(HOUR / 4));
      assert.deepEqual(changed, ["retention.stored_ms"]);
      assert.deepEqual(unchanged, []);
      await until("the next is counted", async () => await removed(daemon.url, "expired") === 2);
      assert.deepEqual(await kept(store), ["now", "running"]);
    } finally {
      await store.close();
      await daemon.close();
    }
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("a revoked key's stored responses are erased, whether by HTTP or the command line", async () => {
  await withGuarded({}, async ({ root, url, key, stateDir }) => {
    const [ann, bob, eve] = [
      await key({ name: "a" }),
      await key({ name: "b" }),
      await key({ name: "e" }),
    ];
    const store = openSqliteStore(databasePath(stateDir));
    const [log, error] = [console.log, console.error];
    const printed: string[] = [];
    try {
      for (const { key_id, name } of [ann, bob, eve]) {
        await store.responses.add(storedResponse(`${name}1`, { tenant: key_id }));
        await store.responses.add(runningResponse(`${name}2`, { tenant: key_id }));
      }
      await root.call(routes.revokeKey, { params: { id: ann.key_id } });
      assert.deepEqual(await kept(store), ["e2", "e1", "b2", "b1"]);
      assert.equal(await removed(url, "revoked"), 2);

      console.log = () => {};
      console.error = (text: string) => void printed.push(text);
      const config = configSchema.parse({ state_dir: stateDir });
      await keysCommand(["revoke", bob.key_id], config, {});
      assert.deepEqual(printed, ["Its stored responses are erased: 2"]);
      await keysCommand(["revoke", bob.key_id], config, {});
      assert.equal(printed.length, 1);
      assert.deepEqual(await kept(store), ["e2", "e1"]);
    } finally {
      [console.log, console.error] = [log, error];
      await store.close();
    }
  });
});

Deno.test("a revoked key's background responses stop, and leave no text to operators", async () => {
  await withGuarded({}, async ({ root, url, key, pool: open }) => {
    const pool = await open();
    pool.tokens = 2;
    const ann = await key({ name: "a" });
    const reply = await fetch(`${url}/v1/responses`, {
      method: "POST",
      headers: { authorization: `Bearer ${ann.secret}`, "content-type": "application/json" },
      body: JSON.stringify({ model: "counter", input: "w1", background: true }),
    });
    const { id } = await reply.json();
    const job = { params: { id: id.slice("resp_".length) } };
    await until(
      "it has text",
      async () => (await root.call(routes.getTask, job)).output !== undefined,
    );
    await root.call(routes.revokeKey, { params: { id: ann.key_id } });
    await until(
      "it is cancelled",
      async () => (await root.call(routes.getTask, job)).status === "cancelled",
    );
    assert.equal((await root.call(routes.getTask, job)).output, undefined);
  });
});
