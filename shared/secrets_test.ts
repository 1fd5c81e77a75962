import assert from "node:assert/strict";
import { join } from "node:path";
import { UsageError } from "./lifecycle.ts";
import { callbackToken, newSecret, readApiToken, secretPrint, secretSha256 } from "./secrets.ts";

const noEnv = () => undefined;

/** Runs `use` with a token file of this text and mode. */
async function withFile(text: string, mode: number, use: (path: string) => void): Promise<void> {
  const dir = await Deno.makeTempDir();
  try {
    const path = join(dir, "token");
    await Deno.writeTextFile(path, text);
    await Deno.chmod(path, mode);
    use(path);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

Deno.test("newSecret() returns 64 hex digits, never the same", () => {
  assert.match(newSecret(), /^[0-9a-f]{64}$/);
  assert.notEqual(newSecret(), newSecret());
});

Deno.test("secretPrint() returns six hex digits that are not part of the secret", () => {
  assert.equal(secretPrint("hunter2"), "f52fbd");
});

Deno.test("callbackToken() does not reveal the secret, and is the same on both sides", () => {
  const sha256 = secretSha256("hunter2");
  assert.equal(callbackToken(sha256), callbackToken(secretSha256("hunter2")));
  assert.notEqual(callbackToken(sha256), sha256);
  assert.notEqual(callbackToken(sha256), callbackToken(secretSha256("hunter3")));
});

Deno.test("readApiToken() reads the variable; an empty one counts as unset", () => {
  assert.equal(readApiToken(undefined, (name) => name === "LLORCH_API_TOKEN" ? "t" : ""), "t");
  assert.equal(readApiToken(undefined, () => ""), undefined);
  assert.equal(readApiToken(undefined, noEnv), undefined);
});

Deno.test("readApiToken() prefers the file to the variable, and drops its line end", async () => {
  await withFile("secret\n", 0o600, (path) => {
    assert.equal(readApiToken(path, () => "other"), "secret");
  });
});

Deno.test("readApiToken() refuses a device", () => {
  assert.throws(() => readApiToken("/dev/null", noEnv), /token file \/dev\/null: it is a device/);
});

Deno.test("readApiToken() refuses a file that others may read", async () => {
  for (const mode of [0o640, 0o604, 0o644]) {
    await withFile("secret", mode, (path) => {
      assert.throws(() => readApiToken(path, noEnv), (error) => {
        assert.ok(error instanceof UsageError);
        assert.match(error.message, /chmod 600/);
        assert.ok(!error.message.includes("secret"));
        return true;
      });
    });
  }
});

Deno.test("readApiToken() refuses an empty and a missing file", async () => {
  await withFile(" \n", 0o600, (path) => {
    assert.throws(() => readApiToken(path, noEnv), /it is empty/);
  });
  assert.throws(() => readApiToken("/nowhere/token", noEnv), UsageError);
});
