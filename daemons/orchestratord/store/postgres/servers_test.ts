import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { HAS_OPENSSL, withCertificates } from "../../../../tests/support/certificates.ts";
import {
  type Postgres,
  startPostgres,
  WHY_NO_POSTGRES,
} from "../../../../tests/support/postgres.ts";
import { configSchema } from "../../config.ts";
import { checkStore } from "../../open_store.ts";
import { needsTls, Servers, type ServersOptions } from "./servers.ts";
import { parseStoreUrl } from "./store_url.ts";

const WHY_NOT = WHY_NO_POSTGRES ?? (HAS_OPENSSL ? undefined : "needs openssl");

/** The user of the tests, on a server that wants its password and speaks TLS. */
const PASSWORD = "correct horse";

async function withTlsServer(
  test: (server: Postgres, url: string, ca: string, caFile: string) => Promise<void>,
): Promise<void> {
  await withCertificates(async ({ cert, key, ca }) => {
    const server = await startPostgres({ listens: true });
    try {
      const local = new Servers({ url: parseStoreUrl(server.url()), password: () => "" });
      const session = await local.open("test");
      await session.query(`CREATE ROLE guarded LOGIN PASSWORD '${PASSWORD}'`);
      await session.close();
      await server.write("server.crt", await Deno.readTextFile(cert));
      await server.write("server.key", await Deno.readTextFile(key));
      await server.write("postgresql.auto.conf", "ssl = on\n");
      await server.write("pg_hba.conf", "hostssl all guarded 127.0.0.1/32 scram-sha-256\n");
      await server.stop("fast");
      await server.start();
      const url = server.url().replace("//llorch@", "//guarded@");
      await test(server, url, await Deno.readTextFile(ca), ca);
    } finally {
      await server.remove();
    }
  });
}

Deno.test({
  name: "a server proves its name by TLS, and a user by a password" +
    (WHY_NOT === undefined ? "" : ` (skipped: ${WHY_NOT})`),
  ignore: WHY_NOT !== undefined,
  fn: () =>
    withTlsServer(async (_, url, ca, caFile) => {
      const open = (more: Partial<ServersOptions>) =>
        new Servers({ url: parseStoreUrl(url), ca, password: () => PASSWORD, ...more }).open(
          "test",
        );
      const session = await open({});
      const { rows } = await session.query(
        "SELECT ssl, version FROM pg_stat_ssl WHERE pid = pg_backend_pid()",
      );
      assert.deepEqual(rows, [{ ssl: true, version: "TLSv1.3" }]);
      await session.close();
      await assert.rejects(open({ password: () => "wrong" }), /password authentication failed/);
      await assert.rejects(open({ password: () => "" }), Error);
      const wrong = join(dirname(caFile), "password");
      await Deno.writeTextFile(wrong, "wrong", { mode: 0o600 });
      const store = { url, password_file: wrong, tls: { ca: caFile } };
      const problems = await checkStore(configSchema.parse({ store }));
      assert.deepEqual(problems.map(({ key }) => key), [["store", "password_file"]]);
      await withCertificates(async (others) => {
        const ca = await Deno.readTextFile(others.ca);
        await assert.rejects(open({ ca }), /certificate|issuer/i);
      });
      await assert.rejects(open({ ca: undefined }), /no encryption|no pg_hba\.conf entry/);
    }),
});

Deno.test({
  name: "hosts are tried in turn until one takes writes, and one that stands by is refused" +
    (WHY_NO_POSTGRES === undefined ? "" : ` (skipped: ${WHY_NO_POSTGRES})`),
  ignore: WHY_NO_POSTGRES !== undefined,
  async fn() {
    const server = await startPostgres({ listens: true });
    try {
      const url = server.url().replace("127.0.0.1:", "127.0.0.1:1,127.0.0.1:");
      const servers = new Servers({ url: parseStoreUrl(url), password: () => "" });
      await (await servers.open("test")).close();
      assert.match(servers.facts!.server, /^127\.0\.0\.1:\d{2,}$/);
      await server.write("standby.signal", "");
      await server.stop("fast");
      await server.start();
      await assert.rejects(servers.open("test"), (error: Error) => {
        assert.match(error.message, /127\.0\.0\.1:1: .*ECONNREFUSED/);
        assert.match(error.message, /: it is read-only, such as a server that stands by/);
        return true;
      });
    } finally {
      await server.remove();
    }
  },
});

Deno.test("a connection to another machine is encrypted, unless that is turned off", () => {
  assert.equal(needsTls({ host: "db", port: 1 }, { insecure: true }), false);
  assert.equal(needsTls({ host: "db", port: 1 }, { insecure: true, ca: "a certificate" }), true);
  const encrypted = ["db", "10.0.0.1", "localhost", "127.0.0.1", "::1", "/run"].map((host) => [
    needsTls({ host, port: 1 }, {}),
    needsTls({ host, port: 1 }, { ca: "a certificate" }),
  ]);
  assert.deepEqual(encrypted, [
    ...[[true, true], [true, true]],
    ...[[false, true], [false, true], [false, true]],
    [false, false],
  ]);
});
