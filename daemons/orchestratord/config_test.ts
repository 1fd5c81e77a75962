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

Deno.test("settings of stored responses: defaults, a flag and a variable, and values that are refused", async () => {
  const load = (text: string, args: string[] = [], vars: Record<string, string> = {}) =>
    loadConfig(configSpec, { args, env: (name) => vars[name], readFile: () => text });
  const loaded = async (...given: Parameters<typeof load>) => {
    const result = await load(...given);
    assert.equal(result.kind, "run");
    return result.config;
  };
  const { responses, retention } = await loaded("");
  assert.deepEqual(responses, {
    store_default: true,
    max_count: 10_000,
    max_bytes: 268_435_456,
    max_chain: 256,
    max_chain_bytes: 8_388_608,
  });
  assert.equal(retention.stored_ms, 604_800_000);

  const vars = { LLORCH_RESPONSES_MAX_COUNT: "7", LLORCH_RETENTION_STORED_MS: "1" };
  const changed = await loaded("", ["--responses-store-default=false"], vars);
  assert.equal(changed.responses.store_default, false);
  assert.equal(changed.responses.max_count, 7);
  assert.equal(changed.retention.stored_ms, 1);

  for (
    const [text, message] of [
      ["[retention]\nstored_ms = 0", /toml:2: retention\.stored_ms/],
      ['[responses]\nstore_default = "yes"', /toml:2: responses\.store_default/],
      ["[responses]\nmax_count = 0", /toml:2: responses\.max_count/],
      ["[responses]\n\nmax_bytes = 1023", /toml:3: responses\.max_bytes/],
      ["[responses]\nmax_chain = 1.5", /toml:2: responses\.max_chain/],
      ["[responses]\nmax_chain_bytes = -1", /toml:2: responses\.max_chain_bytes/],
      ["[responses]\nmax_age = 1", /toml:2: responses\.max_age/],
    ] as const
  ) {
    await assert.rejects(load(text, ["--check-config"]), message);
  }
  const good = "[responses]\nstore_default = false\nmax_bytes = 1024";
  assert.equal((await load(good, ["--check-config"])).kind, "checked");
});

Deno.test("settings of files and batches: defaults, a flag and a variable, and values that are refused", async () => {
  const load = (text: string, args: string[] = [], vars: Record<string, string> = {}) =>
    loadConfig(configSpec, { args, env: (name) => vars[name], readFile: () => text });
  const loaded = async (...given: Parameters<typeof load>) => {
    const result = await load(...given);
    assert.equal(result.kind, "run");
    return result.config;
  };
  const { files, batches } = await loaded("");
  assert.deepEqual(files, {
    max_bytes: 209_715_200,
    max_lines: 50_000,
    max_line_bytes: 8_388_608,
    max_count: 1000,
    max_total_bytes: 1_073_741_824,
  });
  assert.deepEqual(batches, { max_open: 100, max_waiting: 8 });

  const changed = await loaded("", ["--files-max-lines=7"], { LLORCH_BATCHES_MAX_WAITING: "1" });
  assert.deepEqual([changed.files.max_lines, changed.batches.max_waiting], [7, 1]);

  for (
    const [text, message] of [
      ["[files]\nmax_bytes = 1023", /toml:2: files\.max_bytes/],
      ["[files]\nmax_lines = 0", /toml:2: files\.max_lines/],
      ["[files]\nmax_line_bytes = 1", /toml:2: files\.max_line_bytes/],
      ["[files]\nmax_count = 1.5", /toml:2: files\.max_count/],
      ['[files]\n\nmax_total_bytes = "1 GiB"', /toml:3: files\.max_total_bytes/],
      ["[batches]\nmax_open = -1", /toml:2: batches\.max_open/],
      ["[batches]\nmax_waiting = 0", /toml:2: batches\.max_waiting/],
      ["[batches]\nwindow_ms = 1", /toml:2: batches\.window_ms/],
    ] as const
  ) {
    await assert.rejects(load(text, ["--check-config"]), message);
  }
  const good = "[files]\nmax_bytes = 1024\n[batches]\nmax_open = 1";
  assert.equal((await load(good, ["--check-config"])).kind, "checked");
});
