import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { type CreatedKey, orchestratorRoutes as routes } from "#shared/contracts/mod.ts";
import { LlorchError } from "#shared/errors.ts";
import type { Client } from "#shared/http/client.ts";
import { keys as keysCommand } from "../commands/keys.ts";
import { configSchema, databasePath } from "../config.ts";
import { follow, numbers, range } from "../testing/harness.ts";
import { ROOT, withGuarded } from "../testing/guarded.ts";

const task = { model: "counter", prompt: "w7", max_tokens: 5 };

/** The error with which a call is refused. */
async function refusal(call: Promise<unknown>): Promise<LlorchError> {
  try {
    await call;
  } catch (error) {
    assert.ok(error instanceof LlorchError, String(error));
    return error;
  }
  throw new assert.AssertionError({ message: "The call was not refused" });
}

async function run(client: Client): Promise<{ id: string; numbers: number[] }> {
  const events = await Array.fromAsync(follow(client, task));
  const [first] = events;
  assert.ok(first?.event === "queued");
  return { id: first.data.job_id, numbers: numbers(events) };
}

Deno.test("a key opens what its role may, is listed without its secret, and not kept in clear", async () => {
  await withGuarded({}, async ({ root, client, key, stateDir }) => {
    const made = await key({ name: "Ann’s laptop" });
    assert.match(made.secret, new RegExp(`^llorch_${made.key_id}_[0-9a-f]{64}$`));
    assert.equal(made.role, "client");
    const ann = client(made.secret);
    await ann.call(routes.queue, {});
    assert.equal((await refusal(ann.call(routes.listKeys, {}))).code, "FORBIDDEN");

    const list = JSON.stringify(await root.call(routes.listKeys, {}));
    assert.ok(list.includes(made.key_id));
    assert.ok(!list.includes(made.secret.slice(-64)));
    const db = new DatabaseSync(databasePath(stateDir), { readOnly: true });
    const rows = JSON.stringify(db.prepare("SELECT * FROM api_keys").all());
    db.close();
    assert.ok(!rows.includes(made.secret.slice(-64)));
  });
});

Deno.test("a revoked and an expired key are refused with the reason; an unknown key learns nothing", async () => {
  await withGuarded({}, async ({ root, client, key }) => {
    const made = await key({ name: "short" });
    const params = { id: made.key_id };
    const first = await root.call(routes.revokeKey, { params });
    assert.equal(first.status, "revoked");
    assert.deepEqual(await root.call(routes.revokeKey, { params }), first);
    const revoked = await refusal(client(made.secret).call(routes.queue, {}));
    assert.equal(revoked.code, "UNAUTHORIZED");
    assert.match(revoked.message, /"short" is revoked/);

    const forged = made.secret.slice(0, -64) + "0".repeat(64);
    const stranger = await refusal(client(forged).call(routes.queue, {}));
    assert.equal(stranger.code, "UNAUTHORIZED");
    assert.ok(!stranger.message.includes("short"));

    const inAnHour = new Date(Date.now() + 3_600_000).toISOString();
    const lasting = await key({ name: "lasting", expires_at: inAnHour });
    await client(lasting.secret).call(routes.queue, {});
    /** A key that expires soon; with twice the time if it would have expired before it was made. */
    const briefKey = async (ms: number): Promise<CreatedKey> => {
      const expires_at = new Date(Date.now() + ms).toISOString();
      try {
        return await key({ name: "brief", expires_at });
      } catch (error) {
        if (ms > 30_000 || Date.now() < Date.parse(expires_at)) throw error;
        return await briefKey(2 * ms);
      }
    };
    const brief = await briefKey(500);
    const expired = Promise.withResolvers<void>();
    setTimeout(expired.resolve, Date.parse(brief.expires_at!) - Date.now() + 1);
    await expired.promise;
    const late = await refusal(client(brief.secret).call(routes.queue, {}));
    assert.match(late.message, /"brief" is expired/);

    const past = new Date(0).toISOString();
    assert.equal((await refusal(key({ name: "x", expires_at: past }))).code, "INVALID_REQUEST");
    const nobody = root.call(routes.revokeKey, { params: { id: "nobody" } });
    assert.equal((await refusal(nobody)).code, "NOT_FOUND");
  });
});

Deno.test("key names with characters that would garble a list are refused", async () => {
  await withGuarded({}, async ({ key }) => {
    for (const name of ["", " ", "a\nb", "\u001b[31m", "a\u202eb", "\u0000", "x".repeat(101)]) {
      assert.equal((await refusal(key({ name }))).code, "INVALID_REQUEST", JSON.stringify(name));
    }
    for (const name of ["'; DROP TABLE api_keys; --", "Zoë 日本", "__proto__", "../../x"]) {
      assert.equal((await key({ name })).name, name);
    }
  });
});

Deno.test("clients see and cancel their own jobs only; operators all", async () => {
  await withGuarded({}, async ({ client, key, pool }) => {
    await pool();
    const ann = client((await key({ name: "ann" })).secret);
    const bob = client((await key({ name: "bob" })).secret);
    const operator = client((await key({ name: "op", role: "operator" })).secret);
    const { id, numbers: generated } = await run(ann);
    assert.deepEqual(generated, range(8, 5));

    const params = { id };
    for (
      const call of [
        bob.call(routes.getTask, { params }),
        bob.stream(routes.taskEvents, { params }),
        bob.call(routes.cancelTask, { params }),
        bob.call(routes.deleteTask, { params }),
      ]
    ) assert.equal((await refusal(call)).code, "NOT_FOUND");
    const ids = async (whose: Client) =>
      (await whose.call(routes.listTasks, {})).tasks.map((each) => each.job_id);
    assert.deepEqual(await ids(bob), []);
    assert.deepEqual(await ids(ann), [id]);
    assert.deepEqual(await ids(operator), [id]);
    await operator.call(routes.cancelTask, { params });
    assert.equal((await ann.call(routes.getTask, { params })).status, "completed");
  });
});

Deno.test("a running job cannot be cancelled by another client, and its idempotency key is its own", async () => {
  await withGuarded({}, async ({ client, key, pool, root }) => {
    const fake = await pool();
    await run(root);
    fake.only().allow(0);
    const ann = client((await key({ name: "ann" })).secret);
    const bob = client((await key({ name: "bob" })).secret);
    const call = { body: { ...task, detached: true }, headers: { "idempotency-key": "k" } };
    const one = await ann.call(routes.submit, call);
    const other = await bob.call(routes.submit, call);
    assert.notEqual(one.job_id, other.job_id);
    assert.equal((await ann.call(routes.submit, call)).job_id, one.job_id);
    const params = { id: one.job_id };
    assert.equal((await refusal(bob.call(routes.cancelTask, { params }))).code, "NOT_FOUND");
    await ann.call(routes.cancelTask, { params });
    fake.only().allow(Infinity);
    const ended = await Array.fromAsync(follow(ann, one.job_id));
    assert.equal(ended.at(-1)?.event, "error");
  });
});

Deno.test("a pool with its own key serves, also after a restart, until the key is revoked", async () => {
  await withGuarded({}, async (guarded) => {
    const { key, pool } = guarded;
    const made = await key({ name: "host", role: "pool" });
    const fake = await pool(made.secret);
    assert.deepEqual((await run(guarded.root)).numbers, range(8, 5));
    const listed = (await guarded.root.call(routes.listKeys, {})).keys[0];
    assert.ok(listed?.last_used_at);
    await guarded.restart();
    // The pool has not reported since: orchestratord read its state with the token derived from its
    // key.
    assert.equal((await guarded.root.call(routes.pools, {})).pools.length, 1);
    assert.deepEqual((await run(guarded.root)).numbers, range(8, 5));
    await guarded.root.call(routes.revokeKey, { params: { id: made.key_id } });
    assert.equal((await refusal(fake.register())).code, "UNAUTHORIZED");
  });
});

Deno.test("a pool's key cannot speak for another pool", async () => {
  await withGuarded({}, async ({ client, key, pool, root }) => {
    const fake = await pool((await key({ name: "one", role: "pool" })).secret);
    const other = client((await key({ name: "other", role: "pool" })).secret);
    const { models: _, ...state } = fake.state();
    const params = { id: state.pool_id };
    const beat = { params, body: { ...state, sequence: 1 } };
    assert.equal((await refusal(other.call(routes.heartbeat, beat))).code, "NOT_FOUND");
    const goodbye = { params, body: { instance_id: state.instance_id } };
    assert.equal((await refusal(other.call(routes.deregisterPool, goodbye))).code, "NOT_FOUND");
    const again = other.call(routes.registerPool, { body: fake.state() });
    assert.equal((await refusal(again)).code, "CONFLICT");
    await fake.register();
    assert.deepEqual((await run(root)).numbers, range(8, 5));
  });
});

Deno.test("the queue lists a client's own jobs, and counts all", async () => {
  await withGuarded({}, async ({ client, key, pool, root }) => {
    const fake = await pool();
    await run(root);
    fake.only().allow(0);
    const ann = client((await key({ name: "ann" })).secret);
    const bob = client((await key({ name: "bob" })).secret);
    const body = { ...task, detached: true };
    const ids = [];
    for (let i = 0; i < 4; i++) ids.push((await ann.call(routes.submit, { body })).job_id);
    const listed = async (whose: Client) => {
      const { depth, jobs } = await whose.call(routes.queue, {});
      return [depth, jobs.length];
    };
    assert.deepEqual(await listed(ann), [2, 2]);
    assert.deepEqual(await listed(root), [2, 2]);
    assert.deepEqual(await listed(bob), [2, 0]);
    fake.only().allow(Infinity);
    for (const id of ids) await Array.fromAsync(follow(ann, id));
  });
});

Deno.test("keys made and revoked on the command line count at the next call", async () => {
  await withGuarded({}, async ({ stateDir, client }) => {
    const config = configSchema.parse({ state_dir: stateDir });
    const printed: string[] = [];
    const [log, error] = [console.log, console.error];
    console.log = (text: string) => void printed.push(text);
    console.error = () => {};
    try {
      await keysCommand(["create", "from a shell"], config, { role: "operator" });
      const secret = printed[0] ?? "";
      const { keys } = await client(secret).call(routes.listKeys, {});
      assert.equal(keys[0]?.name, "from a shell");
      await keysCommand(["revoke", keys[0]!.key_id], config, {});
      assert.equal((await refusal(client(secret).call(routes.listKeys, {}))).code, "UNAUTHORIZED");
      await keysCommand(["list"], config, {});
      assert.match(printed.at(-1) ?? "", /operator {2}revoked .*from a shell$/);
      assert.ok(!printed.slice(1).join().includes(secret.slice(-64)));
    } finally {
      console.log = log;
      console.error = error;
    }
    for (const words of [[], ["create"], ["list", "x"], ["revoke"], ["paint", "x"]]) {
      await assert.rejects(keysCommand(words, config, {}), /The command is missing/);
    }
    await assert.rejects(keysCommand(["create", "x"], config, { role: "king" }), /role/);
    for (const expires of ["soon", "2027-02-31", "2027-02-29T10:00:00Z", "2027-13-01", "2027"]) {
      await assert.rejects(keysCommand(["create", "x"], config, { expires }), /--expires/);
    }
    await assert.rejects(
      keysCommand(["create", "x"], config, { "tokens-per-day": "many" }),
      /tokens_per_day/,
    );
  });
});

Deno.test("without a token all is open, but a key still identifies its owner", async () => {
  await withGuarded({ token_file: undefined }, async ({ client, key, pool }) => {
    await pool(null);
    const ann = await key({ name: "ann" });
    const { id, numbers } = await run(client(ann.secret));
    assert.deepEqual(numbers, range(8, 5));
    await client(undefined).call(routes.getTask, { params: { id } });
    await client("whatever an SDK sends").call(routes.getTask, { params: { id } });
    const bob = client((await key({ name: "bob" })).secret);
    assert.equal((await refusal(bob.call(routes.getTask, { params: { id } }))).code, "NOT_FOUND");
    assert.equal(await refusal(client(ROOT).call(routes.queue, {})).catch(() => "open"), "open");
  });
});
