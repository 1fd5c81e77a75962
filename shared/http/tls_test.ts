import assert from "node:assert/strict";
import { join } from "node:path";
import { HAS_OPENSSL, withCertificates } from "../../tests/support/certificates.ts";
import { UsageError } from "../lifecycle.ts";
import { readServerTls, trusting } from "./tls.ts";

async function withFiles(
  test: (write: (name: string, text: string, mode: number) => string) => void,
): Promise<void> {
  const dir = await Deno.makeTempDir();
  try {
    test((name, text, mode) => {
      const path = join(dir, name);
      Deno.writeTextFileSync(path, text);
      Deno.chmodSync(path, mode);
      return path;
    });
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

const CERT = "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n";
const KEY = "-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n";

Deno.test("readServerTls() reads nothing when neither certificate nor key is set", () => {
  assert.equal(readServerTls({ ca: "/nowhere" }), undefined);
});

const skipped = HAS_OPENSSL ? "" : " (skipped: no openssl)";

Deno.test({
  name: "readServerTls() reads a certificate and its key, and names both if they are not a pair" +
    skipped,
  ignore: !HAS_OPENSSL,
  fn: () =>
    withCertificates(async ({ cert, key, ca }) => {
      await Deno.chmod(key, 0o640);
      assert.deepEqual(readServerTls({ cert, key }), {
        cert: await Deno.readTextFile(cert),
        key: await Deno.readTextFile(key),
      });
      assert.throws(() => readServerTls({ cert: ca, key }), (error) => {
        assert.ok(error instanceof UsageError);
        assert.ok(error.message.includes(`key ${key} does not belong to the certificate ${ca}`));
        return true;
      });
      await Deno.writeTextFile(cert, CERT);
      assert.throws(
        () => readServerTls({ cert, key }),
        /Cannot use the certificate .* with the key /,
      );
    }),
});

Deno.test("readServerTls() refuses one without the other, a key that others may read, and files that are not PEM", async () => {
  await withFiles((write) => {
    const cert = write("cert", CERT, 0o644);
    const key = write("key", KEY, 0o600);
    assert.throws(() => readServerTls({ cert }), /set both tls\.cert and tls\.key/);
    assert.throws(() => readServerTls({ key }), UsageError);
    const open = write("open", KEY, 0o604);
    assert.throws(() => readServerTls({ cert, key: open }), /chmod o= /);
    assert.throws(() => readServerTls({ cert: key, key }), /holds no certificate in PEM/);
    const notKey = write("not a key", CERT, 0o600);
    assert.throws(() => readServerTls({ cert, key: notKey }), /holds no private key in PEM/);
    assert.throws(() => readServerTls({ cert: "/nowhere/cert", key }), /Cannot read \/nowhere/);
  });
});

Deno.test("trusting() is the usual transport without a file, and refuses a file without certificates", async () => {
  assert.equal(trusting(undefined), undefined);
  await withFiles((write) => {
    assert.throws(() => trusting(write("key", KEY, 0o600)), UsageError);
    assert.throws(() => trusting(write("bad", CERT, 0o600)), /Cannot use the certificates/);
  });
  assert.throws(() => trusting("/nowhere/ca"), UsageError);
});
