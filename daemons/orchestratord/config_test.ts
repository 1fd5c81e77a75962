import assert from "node:assert/strict";
import { type ConfigSources, loadConfig } from "#shared/config/load.ts";
import { configSpec, policyOf } from "./config.ts";

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

Deno.test("pages and names: defaults, flags, and entries that are refused with file and line", async () => {
  const load = (text: string, args: string[] = []) =>
    loadConfig(configSpec, { args, env: () => undefined, readFile: () => text });
  const loaded = async (...given: Parameters<typeof load>) => {
    const result = await load(...given);
    assert.equal(result.kind, "run");
    return { origins: result.config.cors.origins, names: result.config.http.host_names };
  };
  assert.deepEqual(await loaded(""), {
    origins: ["app://", "tauri://", "vscode-webview://"],
    names: [],
  });
  const args = [
    "--cors-origins=null,http://localhost:3000",
    "--http-host-names=host.docker.internal",
  ];
  assert.deepEqual(await loaded("", args), {
    origins: ["null", "http://localhost:3000"],
    names: ["host.docker.internal"],
  });

  const origin = /toml:2: cors\.origins.* must be an origin as browsers send it, such as/;
  const name = /toml:2: http\.host_names.* must be a whole host name in lower case, without a port/;
  const wrong = [
    ...["http://", "https://*.example", "http://localhost:80", "https://a.example/", "app", ""]
      .map((entry) => [`[cors]\norigins = ["app://", "${entry}"]`, origin] as const),
    ...["*", "*.internal", "a.example:8080", "http://a.example", "A.example", "a..b", ".a", ""]
      .map((entry) => [`[http]\nhost_names = ["${entry}"]`, name] as const),
    ['[cors]\norigins = "*"', /toml:2: cors\.origins/],
    ["[cors]\nmax_age = 1", /toml:2: cors\.max_age/],
    ["[http]\nhosts = []", /toml:2: http\.hosts/],
  ] as const;
  for (const [text, message] of wrong) {
    await assert.rejects(load(text, ["--check-config"]), message, text);
  }
  const good = '[cors]\norigins = ["*", "null", "file://", "http://localhost"]\n' +
    '[http]\nhost_names = ["nas", "my_box.lan", "xn--bcher-kva.example"]';
  assert.equal((await load(good, ["--check-config"])).kind, "checked");
  assert.equal((await load("[cors]\norigins = []", ["--check-config"])).kind, "checked");
});

Deno.test("names: settings, a default model, and what is refused with its line", async () => {
  const load = (text: string, args: string[] = []) =>
    loadConfig(configSpec, { args, env: () => undefined, readFile: () => text });
  const good = await load(`
default_model = "fast"
[names.fast]
target = "qwen3"
[names."gpt-4o-mini"]
target = "fast"
fallback = "hf:org/repo"
parameters = { temperature = 0.2, stop = ["#"], chat_template_kwargs = { enable_thinking = false } }
fixed = ["temperature"]
context = 16000
show_target = true`);
  assert.equal(good.kind, "run");
  const { names, default_model } = good.config;
  assert.equal(default_model, "fast");
  const rest = { parameters: {}, fixed: [], show_target: false };
  assert.deepEqual(names["fast"], { target: "qwen3", ...rest });
  assert.equal(policyOf(good.config).names.get("gpt-4o-mini")?.context, 16_000);

  const own = (line: string) => `[names.fast]\ntarget = "qwen3"\n${line}`;
  for (
    const [text, message] of [
      ['[names.fast]\ntarget = "fast"', /toml:2: names\.fast\.target is the name itself/],
      [
        '[names.a]\ntarget = "b"\n[names.b]\ntarget = "c"\nfallback = "a"',
        /toml:2: names\.a\.target leads back to a: a → b → a\n.*toml:5: names\.b\.fallback leads back/,
      ],
      ["[names.fast]\ncontext = 9", /toml:1: names\.fast\.target/],
      [own('fallback = "qwen3"'), /toml:3: names\.fast\.fallback is the target itself/],
      [own('fallback = "file:/m/x.gguf"'), /toml:3: names\.fast\.fallback must not be the path/],
      [own('fixed = ["top_p"]'), /toml:3: names\.fast\.fixed\.0 names top_p, which parameters/],
      [own("parameters = { temperature = 999 }"), /toml:3: names\.fast\.parameters\.temperature/],
      [own("parameters = { model = 1 }"), /toml:3: names\.fast\.parameters\.model/],
      [own("context = 1"), /toml:3: names\.fast\.context/],
      [own("hidden = true"), /toml:3: names\.fast\.hidden/],
      ['[names."hf:org/repo"]\ntarget = "x"', /toml:1: names\.hf:org\/repo cannot be a name/],
      ['[names."no good"]\ntarget = "x"', /toml:1: names\.no good cannot be a name/],
    ] as const
  ) {
    await assert.rejects(load(text, ["--check-config"]), message);
  }
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
    min_free_bytes: 268_435_456,
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
      ["[files]\nmin_free_bytes = -1", /toml:2: files\.min_free_bytes/],
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

Deno.test("settings of the store: defaults, and values that are refused", async () => {
  const load = (text: string, args: string[] = []) =>
    loadConfig(configSpec, { args, env: () => undefined, readFile: () => text });
  const loaded = async (text: string, args?: string[]) => {
    const result = await load(text, args);
    assert.equal(result.kind, "run");
    return result.config.store;
  };
  assert.deepEqual(await loaded(""), {
    tls: { insecure: false },
    connections: 4,
    commit_every_ms: 2,
  });
  const url = "postgres://me@db/llorch";
  assert.equal((await loaded("", [`--store-url=${url}`])).url, url);
  for (
    const [text, message] of [
      [`url = "mysql://me@db/llorch"`, /toml:2: store\.url must be postgres:/],
      [`url = "postgres://me:pw@db/llorch"`, /toml:2: store\.url must not hold a password/],
      [`connections = 0`, /toml:2: store\.connections/],
      [`commit_every_ms = 0`, /toml:2: store\.commit_every_ms/],
      [`password = "secret"`, /toml:2: store\.password is not a known field/],
    ] as const
  ) {
    await assert.rejects(load(`[store]\n${text}`, ["--check-config"]), message);
  }
});
