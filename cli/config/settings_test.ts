import assert from "node:assert/strict";
import { join } from "node:path";
import { UsageError } from "#shared/lifecycle.ts";
import { fakeContext } from "../testing/fake_context.ts";
import { KEY_NAMES, variableOf } from "./defaults.ts";
import { FIXED_KEYS } from "./keys.ts";
import { settings } from "./settings.ts";

/** Settings with this config file and environment. */
async function settingsOf(text: string | undefined, env: Record<string, string> = {}) {
  const home = await Deno.makeTempDir({ prefix: "llorch-test-" });
  try {
    if (text !== undefined) {
      await Deno.mkdir(join(home, ".config", "llorch"), { recursive: true });
      await Deno.writeTextFile(join(home, ".config", "llorch", "config.toml"), text);
    }
    return { home, ...await settings(fakeContext({ env: { HOME: home, ...env } })) };
  } finally {
    await Deno.remove(home, { recursive: true });
  }
}

Deno.test("settings() without file and variables are the defaults", async () => {
  const { home, orchestrator, pool, models, hosts } = await settingsOf(undefined);
  assert.deepEqual(orchestrator, {
    url: "http://127.0.0.1:8080",
    tokenFile: undefined,
    caFile: undefined,
  });
  assert.deepEqual(pool, { url: "http://127.0.0.1:9200", tokenFile: undefined, caFile: undefined });
  const own = join(home, ".local/share/llorch/models");
  assert.deepEqual(models, { dir: own, dirs: ["/var/lib/llorch/models", own] });
  assert.deepEqual(hosts, {});
});

Deno.test("settings() prefers a variable to the file and the file to the default", async () => {
  const text = `[orchestrator]\nurl = "http://a:1"\n[pool]\nurl = "http://b:2"\n`;
  const found = await settingsOf(text, { LLORCH_ORCHESTRATOR_URL: "http://c:3" });
  assert.equal(found.orchestrator.url, "http://c:3");
  assert.equal(found.pool.url, "http://b:2");
});

Deno.test("settings() makes paths absolute", async () => {
  const { home, models } = await settingsOf(`models.dir = "~/m"\n`);
  assert.deepEqual(models, { dir: join(home, "m"), dirs: [join(home, "m")] });
  const relative = await settingsOf(undefined, { LLORCH_MODELS_DIR: "m" });
  assert.equal(relative.models.dir, "/src/m");
});

Deno.test("settings() names the wrong variable, or file and line", async () => {
  await assert.rejects(settingsOf(undefined, { LLORCH_POOL_URL: "ftp://x" }), (error) => {
    assert.ok(error instanceof UsageError);
    assert.equal(
      error.message,
      'LLORCH_POOL_URL must be an http or https URL: current value is "ftp://x"',
    );
    return true;
  });
  await assert.rejects(
    settingsOf(`# mine\n[pool]\nurk = "http://b:2"\n`),
    /config\.toml:3: pool\.urk is not a known field; did you mean pool\.url\?/,
  );
});

Deno.test("settings() has the hosts", async () => {
  const { hosts } = await settingsOf(`[hosts.gpu1]\naddress = "10.0.0.4"\nport = 2222\n`);
  assert.deepEqual(hosts, { gpu1: { address: "10.0.0.4", port: 2222 } });
});

Deno.test("every key of the schema has its variable", () => {
  assert.deepEqual(FIXED_KEYS.map(({ path }) => path.join(".")), [...KEY_NAMES]);
  assert.equal(variableOf("orchestrator.token_file"), "LLORCH_ORCHESTRATOR_TOKEN_FILE");
});

Deno.test("a certificate file of one daemon overrides LLORCH_CA_FILE, which is for both", async () => {
  const { home, orchestrator, pool } = await settingsOf('[pool]\nca_file = "~/pool.pem"\n', {
    LLORCH_CA_FILE: "/etc/ca.pem",
  });
  assert.equal(orchestrator.caFile, "/etc/ca.pem");
  assert.equal(pool.caFile, join(home, "pool.pem"));
});
