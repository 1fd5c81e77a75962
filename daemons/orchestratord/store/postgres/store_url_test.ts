import assert from "node:assert/strict";
import { isRemote, parseStoreUrl } from "./store_url.ts";

Deno.test("parseStoreUrl() reads hosts, ports, the schema and a socket", () => {
  assert.deepEqual(parseStoreUrl("postgres://me@db/llorch"), {
    user: "me",
    database: "llorch",
    schema: "llorch",
    hosts: [{ host: "db", port: 5432 }],
  });
  const { hosts, schema } = parseStoreUrl(
    "postgresql://m%40e@a:1,[::1]:2,b/d?schema=other&target_session_attrs=read-write&port=9",
  );
  assert.deepEqual(hosts, [
    { host: "a", port: 1 },
    { host: "::1", port: 2 },
    { host: "b", port: 9 },
  ]);
  assert.equal(schema, "other");
  const socket = parseStoreUrl("postgres://me@/d?host=/run/postgresql");
  assert.deepEqual(socket.hosts, [{ host: "/run/postgresql", port: 5432 }]);
});

for (
  const [url, message] of [
    ["mysql://me@h/d", /must be postgres:\/\/USER@HOST\/DATABASE/],
    ["postgres://h/d", /must be postgres/],
    ["postgres://me@h", /must be postgres/],
    ["postgres://me@/d", /must name a host/],
    ["postgres://me:secret@h/d", /must not hold a password: put it into the file/],
    ["postgres://me@h/d?sslmode=disable", /must not have "sslmode": known are host, port, schema/],
    ["postgres://me@h/d?target_session_attrs=any", /always needs read-write/],
    ["postgres://me@h/d?schema=A;B", /must not have the schema "A;B"/],
    ["postgres://me@h/d?schema=pg_x", /must not have the schema "pg_x": PostgreSQL keeps pg_/],
    ["postgres://me@h/d?schema=a&schema=b", /must not have "schema" more than once/],
    ["postgres://me@h:99999/d", /port from 1 to 65535/],
  ] as const
) {
  Deno.test(`parseStoreUrl() refuses ${url.replace("secret", "…")}`, () => {
    assert.throws(() => parseStoreUrl(url), (error: Error) => {
      assert.match(error.message, message);
      assert.ok(!error.message.includes("secret"));
      return true;
    });
  });
}

Deno.test("isRemote() is true of all but loopback and sockets", () => {
  const remote = ["db", "10.0.0.1", "localhost.example", "/run", "localhost", "127.0.0.2", "::1"]
    .filter((host) => isRemote({ host, port: 1 }));
  assert.deepEqual(remote, ["db", "10.0.0.1", "localhost.example"]);
});
