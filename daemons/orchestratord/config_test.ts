import assert from "node:assert/strict";
import { type ConfigSources, loadConfig } from "#shared/config/load.ts";
import { configSpec } from "./config.ts";

Deno.test("half of a TLS pair is no valid configuration, wherever it comes from", () => {
  const check = (sources: Partial<ConfigSources>) =>
    loadConfig(configSpec, {
      args: ["--check-config"],
      env: () => undefined,
      readFile: () => undefined,
      ...sources,
    });
  const file = (text: string) => ({ readFile: () => text });
  assert.throws(
    () => check(file('port = 1\n[tls]\ncert = "/c.pem"')),
    /toml:2: tls\.key is missing, though tls\.cert is set: set both, or neither$/,
  );
  assert.throws(() => check(file('[tls]\nkey = "/k.pem"')), /toml:1: tls\.cert is missing/);
  const env = (name: string) => name === "LLORCH_TLS_CERT" ? "/c.pem" : undefined;
  assert.throws(() => check({ env }), /--tls-key: is missing, though tls\.cert is set/);
  const whole = file('[tls]\ncert = "/c.pem"\nkey = "/k.pem"');
  assert.equal(check(whole).kind, "checked");
  assert.equal(check(file('[tls]\nca = "/ca.pem"')).kind, "checked");
});
