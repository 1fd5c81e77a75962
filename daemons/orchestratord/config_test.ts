import assert from "node:assert/strict";
import { type ConfigSources, loadConfig } from "#shared/config/load.ts";
import { configSpec } from "./config.ts";

Deno.test("a certificate without its key, or the reverse, is refused, from a file or a flag", async () => {
  const check = (sources: Partial<ConfigSources>) =>
    loadConfig(configSpec, {
      args: ["--check-config"],
      env: () => undefined,
      readFile: () => undefined,
      ...sources,
    });
  const file = (text: string) => ({ readFile: () => text });
  await assert.rejects(
    check(file('port = 1\n[tls]\ncert = "/c.pem"')),
    /toml:2: tls\.key is missing, though tls\.cert is set: set both, or neither$/,
  );
  await assert.rejects(check(file('[tls]\nkey = "/k.pem"')), /toml:1: tls\.cert is missing/);
  const env = (name: string) => name === "LLORCH_TLS_CERT" ? "/c.pem" : undefined;
  await assert.rejects(check({ env }), /--tls-key: is missing, though tls\.cert is set/);
  const whole = file('[tls]\ncert = "/c.pem"\nkey = "/k.pem"');
  assert.equal((await check(whole)).kind, "checked");
  assert.equal((await check(file('[tls]\nca = "/ca.pem"'))).kind, "checked");
});
