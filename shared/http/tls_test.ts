import assert from "node:assert/strict";
import { join } from "node:path";
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

Deno.test("readServerTls() reads certificate and key, and nothing when neither is set", async () => {
  assert.equal(readServerTls({ ca: "/nowhere" }), undefined);
  await withFiles((write) => {
    const tls = { cert: write("cert", CERT, 0o644), key: write("key", KEY, 0o640) };
    assert.deepEqual(readServerTls(tls), { cert: CERT, key: KEY });
  });
});

Deno.test("readServerTls() refuses half of it, a key that others may read, and what is no PEM", async () => {
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
