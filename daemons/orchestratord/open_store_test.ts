import assert from "node:assert/strict";
import { configSchema } from "./config.ts";
import { checkStore, describeStore, openExistingStore } from "./open_store.ts";
import { sharedPostgres } from "./testing/postgres_home.ts";

const postgres = sharedPostgres();

postgres.test("--check-config says which server there is, and the version of its tables", async (home) => {
  const config = configSchema.parse({ store: { url: home.server.url(home.schema) } });
  assert.deepEqual(await checkStore(config), []);
  const [before] = await describeStore(config);
  assert.match(
    before!,
    /^store\.url: PostgreSQL \d+\.\d+ at socket in .* takes writes; .*: no tables yet$/,
  );
  await (await openExistingStore(config)).close();
  assert.match((await describeStore(config))[0]!, /: tables of version 3 of 3$/);
});

postgres.test("--check-config says why a database cannot be used", async (home) => {
  const check = async (url: string) => {
    const [problem, ...more] = await checkStore(configSchema.parse({ store: { url } }));
    assert.deepEqual(more, []);
    return problem?.message ?? "";
  };
  const url = home.server.url(home.schema);
  assert.match(await check(url.replace("/postgres?", "/none?")), /database "none" does not exist/);
  assert.match(await check(url.replace("host=", "host=/nowhere")), /^socket in \/nowhere/);
  await (await openExistingStore(configSchema.parse({ store: { url } }))).close();
  await home.run("UPDATE schema_version SET version = 99");
  assert.match(
    await check(url),
    /has version 99 and this program works with up to 4; install the newer/,
  );
  await home.run("UPDATE schema_version SET version = 1");
  await home.run("ALTER ROLE llorch SET default_transaction_read_only = on");
  try {
    assert.match(await check(url), /it is read-only/);
  } finally {
    await home.run(
      "BEGIN READ WRITE; ALTER ROLE llorch RESET default_transaction_read_only; COMMIT",
    );
  }
});

Deno.test("--check-config says what PostgreSQL and other orchestrators need, and what they do not", async () => {
  const problems = async (config: Parameters<typeof configSchema.parse>[0]) =>
    (await checkStore(configSchema.parse(config))).map(({ key, message }) =>
      `${key.join(".")} ${message}`
    );
  assert.deepEqual(
    await problems({
      store: { password_file: "/p", tls: { ca: "/ca.pem" } },
      cluster: { replica_id: "o1", advertise_url: "http://10.0.0.1:8080" },
    }),
    ["store.password_file", "store.tls.ca", "cluster.replica_id", "cluster.advertise_url"]
      .map((key) => `${key} is of no use without store.url`),
  );
  const unread = await problems({
    store: {
      url: "postgres://llorch@127.0.0.1:1/none",
      password_file: "/no/p",
      tls: { ca: "/no/c" },
    },
  });
  assert.match(unread[0]!, /^store\.password_file .*\/no\/p/);
  assert.match(unread[1]!, /^store\.tls\.ca .*\/no\/c/);
  assert.equal(unread.length, 2);
  const store = { url: "postgres://llorch@127.0.0.1:1/none" };
  assert.match(
    (await problems({ host: "0.0.0.0", store }))[0]!,
    /^cluster\.advertise_url is needed/,
  );
  for (
    const url of ["10.0.0.1:8080", "ftp://x", "http://0.0.0.0:1", "http://a:b@c", "http://c?x"]
  ) {
    const { success } = configSchema.safeParse({ store, cluster: { advertise_url: url } });
    assert.equal(success, false, url);
  }
});

Deno.test("SQLite has nothing to describe", async () => {
  const config = configSchema.parse({});
  assert.deepEqual([await checkStore(config), await describeStore(config)], [[], []]);
});
