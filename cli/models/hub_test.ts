import assert from "node:assert/strict";
import { join } from "node:path";
import { LlorchError } from "#shared/errors.ts";
import { UsageError } from "#shared/lifecycle.ts";
import { hubSettings } from "./hub.ts";
import { statusError, unreachable } from "./hub_errors.ts";
import { onlyModel } from "./listing.ts";

const env = (values: Record<string, string>) => (name: string) => values[name];
const HUB = { endpoint: "https://hub", token: undefined, stallMs: 1 };
const URL_OF = new URL("https://hub/org/repo/resolve/main/x.gguf");

Deno.test("hubSettings() reads the variables of the hub's own tools", async () => {
  assert.deepEqual(await hubSettings(env({ HOME: "/nowhere" })), {
    endpoint: "https://huggingface.co",
    token: undefined,
    stallMs: 10_000,
  });
  const given = { HF_ENDPOINT: "http://mirror/", HF_TOKEN: " t ", HF_HUB_DOWNLOAD_TIMEOUT: "3" };
  assert.deepEqual(await hubSettings(env(given)), {
    endpoint: "http://mirror",
    token: "t",
    stallMs: 3000,
  });
});

Deno.test("hubSettings() finds the token of a login in HF_HOME", async () => {
  const home = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(join(home, "token"), "hf_x\n");
    assert.equal((await hubSettings(env({ HF_HOME: home }))).token, "hf_x");
  } finally {
    await Deno.remove(home, { recursive: true });
  }
});

Deno.test("hubSettings() refuses a token that no header can carry, and does not show it", async () => {
  const wrong = (error: unknown) => error instanceof UsageError && !/bad/.test(error.message);
  await assert.rejects(hubSettings(env({ HF_TOKEN: "bad\nx" })), wrong);
  const home = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(join(home, "token"), "bad x\n");
    await assert.rejects(hubSettings(env({ HF_HOME: home })), /token must be one word .* \d+ char/);
  } finally {
    await Deno.remove(home, { recursive: true });
  }
});

Deno.test("hubSettings() refuses wrong values, and downloads in offline mode", async () => {
  await assert.rejects(hubSettings(env({ HF_ENDPOINT: "hub" })), UsageError);
  await assert.rejects(hubSettings(env({ HF_HUB_DOWNLOAD_TIMEOUT: "soon" })), UsageError);
  await assert.rejects(hubSettings(env({ HF_HUB_OFFLINE: "1" })), /HF_HUB_OFFLINE is set/);
});

Deno.test("statusError() says what to do, and whether a retry may help", () => {
  const of = (status: number, headers = {}, hub = HUB) =>
    statusError(new Response(null, { status, headers }), hub, URL_OF);
  assert.match(of(401).message, /org\/repo \(401\), or there is no such repository: set HF_TOKEN$/);
  assert.match(of(401, {}, { ...HUB, token: "t" } as never).message, /does not accept the token/);
  assert.match(of(404, { "x-error-code": "RevisionNotFound" }).message, /check what follows @$/);
  assert.equal(of(403).retriable, false);
  assert.equal(of(503).retriable, true);
  assert.equal(of(429, { "retry-after": "3" }).retryAfterMs, 3000);
  assert.equal(of(429, { "retry-after": "999999" }).retryAfterMs, 300_000);
});

Deno.test("unreachable() names the host and the reason, not the whole URL", () => {
  const error = unreachable(
    URL_OF,
    new TypeError("client error (Connect): tcp connect error: Connection refused (os error 111)"),
  );
  assert.match(error.message, /^Cannot reach hub \(Connection refused\): check the network/);
});

Deno.test("onlyModel() returns the only file, and lists several", () => {
  assert.equal(onlyModel(["a.gguf"], "o/r"), "a.gguf");
  assert.throws(() => onlyModel([], "o/r"), LlorchError);
  for (const path of ["../../../tmp/x.gguf", "/etc/x.gguf", "a//x.gguf", "a\u001b[2Jx.gguf"]) {
    assert.throws(
      () => onlyModel([path], "o/r"),
      /^LlorchError: o\/r names a file ".*", which is no/,
    );
  }
  const many = Array.from({ length: 15 }, (_, index) => `${index}.gguf`);
  assert.throws(() => onlyModel(many, "o/r"), /one of 0\.gguf, .*11\.gguf, and 3 more$/);
});
