import assert from "node:assert/strict";
import { join } from "node:path";
import { readLines } from "#shared/lines.ts";
import { holdDatabase, READS } from "../../../../tests/support/locked_database.ts";
import { storedResponse } from "../../testing/response_cases.ts";
import type { Store } from "../job_store.ts";
import { openSqliteStore } from "./store.ts";

async function withFolder(test: (path: string) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir();
  try {
    await test(join(dir, "orchestrator.db"));
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

function withStore(test: (store: Store, path: string) => Promise<void>): Promise<void> {
  return withFolder(async (path) => {
    const store = openSqliteStore(path);
    try {
      await test(store, path);
    } finally {
      await store.close();
    }
  });
}

const secret = (id: string) =>
  storedResponse(id, { request: '"secret words"', response: '"secret reply"' });

/** Whether a text of {@linkcode secret} is in the files of a database. */
async function hasSecrets(path: string): Promise<boolean> {
  const texts = await Promise.all([path, `${path}-wal`].map((file) => Deno.readTextFile(file)));
  return texts.some((text) => text.includes("secret "));
}

/** Ways to remove the only response. */
const REMOVALS: Readonly<Record<string, (store: Store) => Promise<unknown>>> = {
  "expire()": ({ responses }) => responses.expire(Infinity),
  "removeOf()": ({ responses }) => responses.removeOf(""),
  "remove() and tidy()": async (store) => {
    await store.responses.remove("r1");
    await store.tidy();
  },
  "trim() and tidy()": async (store) => {
    await store.responses.trim("", { count: 0, bytes: 0 });
    await store.tidy();
  },
};

for (const [name, remove] of Object.entries(REMOVALS)) {
  Deno.test(`${name}: no text of a removed response is left in the files`, () =>
    withStore(async (store, path) => {
      await store.responses.add(secret("r1"));
      assert.ok(await hasSecrets(path));
      await remove(store);
      assert.deepEqual(await store.responses.page({ limit: 9 }), []);
      assert.ok(!await hasSecrets(path));
    }));
}

Deno.test("what another process could not erase from the log, the next expire() does", () =>
  withStore(async (store, path) => {
    await store.responses.add(secret("r1"));
    const reader = await holdDatabase(path, READS);
    try {
      const other = openSqliteStore(path);
      assert.equal(await other.responses.removeOf(""), 1);
      await other.close();
      assert.ok(await hasSecrets(path));
    } finally {
      await reader.release();
    }
    assert.equal(await store.responses.expire(0), 0);
    assert.ok(!await hasSecrets(path));
  }));

Deno.test("large responses are removed in several transactions, and others work between them", () =>
  withStore(async (store) => {
    const request = `"${"x".repeat(700_000)}"`;
    for (let n = 0; n < 20; n++) await store.responses.add(storedResponse(`r${n}`, { request }));
    const seen = new Set<number>();
    let isOver = false;
    const removed = store.responses.removeOf("").finally(() => isOver = true);
    while (!isOver) {
      await new Promise((done) => setTimeout(done, 0));
      seen.add((await store.responses.page({ limit: 20 })).length);
    }
    assert.equal(await removed, 20);
    assert.ok(seen.size >= 10, `${[...seen]}`);
  }));

/** Runs in another process: stores a response, ends another, prints a line and waits. */
const PROGRAM = `
  import { openSqliteStore } from ${JSON.stringify(import.meta.resolve("./store.ts"))};
  const { responses } = openSqliteStore(Deno.args[0]);
  const { whole, running } = JSON.parse(Deno.args[1]);
  await responses.add(running);
  await Promise.all([responses.add(whole), responses.finish(running.id, '"end"', 2000)]);
  console.log("stored");
  await new Promise(() => setInterval(() => {}, 1000));
`;

Deno.test("responses that were stored and ended survive kill -9", () =>
  withFolder(async (path) => {
    const whole = storedResponse("r1", { jobId: "j1", previousId: "r0" });
    const running = { ...whole, id: "r2", endedAt: undefined, response: undefined };
    const child = new Deno.Command(Deno.execPath(), {
      args: [
        "eval",
        "--quiet",
        `--config=${new URL("../../../../deno.json", import.meta.url).pathname}`,
        PROGRAM,
        path,
        JSON.stringify({ whole, running }),
      ],
      stdout: "piped",
    }).spawn();
    const lines = readLines(child.stdout);
    try {
      assert.equal((await lines.next()).value, "stored");
    } finally {
      child.kill("SIGKILL");
      await lines.return(undefined);
      await child.status;
    }
    const store = openSqliteStore(path);
    try {
      assert.deepEqual(await store.responses.get("r1"), whole);
      assert.deepEqual(await store.responses.get("r2"), {
        ...whole,
        id: "r2",
        endedAt: 2000,
        usedAt: 2000,
        response: '"end"',
      });
    } finally {
      await store.close();
    }
  }));
