import assert from "node:assert/strict";
import { join } from "node:path";
import { z } from "zod";
import { UsageError } from "../lifecycle.ts";
import { FaultyKey } from "./faulty_key.ts";
import { type ConfigSources, loadConfig, sourcesAgain } from "./load.ts";
import type { ConfigSpec } from "./spec.ts";

const schema = z.strictObject({
  port: z.number().int().min(0).max(65_535).default(8080).describe("Port to listen on"),
  json: z.boolean().default(false).describe("JSON lines"),
  token_file: z.string().min(1).optional().describe("File with the token"),
  dirs: z.array(z.string()).default([]).describe("Folders"),
  queue: z.strictObject({
    capacity: z.number().int().min(1).default(100).describe("Jobs that may wait"),
    timeout_ms: z.number().int().min(1).default(1000).describe("Longest wait"),
  }).prefault({}),
});

const spec: ConfigSpec<typeof schema> = {
  program: "thing",
  summary: "does things",
  schema,
  defaultFile: "/etc/thing.toml",
};

interface Given {
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Text of the default file. */
  readonly file?: string;
}

function sources({ args = [], env = {}, file }: Given): ConfigSources {
  return {
    args,
    env: (name) => env[name],
    readFile: (path) => path === "/etc/thing.toml" ? file : undefined,
  };
}

async function load(given: Given) {
  const loaded = await loadConfig(spec, sources(given));
  assert.equal(loaded.kind, "run");
  return loaded.config;
}

/** The message of the usage error that this configuration causes. */
async function refusal(given: Given): Promise<string> {
  try {
    await loadConfig(spec, sources(given));
  } catch (error) {
    assert.ok(error instanceof UsageError);
    return error.message;
  }
  assert.fail("The configuration was accepted");
}

Deno.test("config: a flag overrides a variable, that the file, and that the default", async () => {
  const file = "[queue]\ncapacity = 2";
  const env = { LLORCH_QUEUE_CAPACITY: "3" };
  const capacity = async (given: Given) => (await load(given)).queue.capacity;
  assert.equal(await capacity({}), 100);
  assert.equal(await capacity({ file }), 2);
  assert.equal(await capacity({ file, env }), 3);
  assert.equal(await capacity({ file, env, args: ["--queue-capacity", "4"] }), 4);
});

Deno.test("config: a negative number gets the error of its range, in one word with its flag or two", async () => {
  for (const args of [["--port", "-1"], ["--port=-1"]]) {
    assert.match(await refusal({ args }), /^--port: Too small: expected number to be >=0/);
  }
  assert.match(await refusal({ args: ["--queue-capacity", "-0.5"] }), /^--queue-capacity: /);
  assert.match(await refusal({ args: ["--port", "-.5", "--json"] }), /^--port: /);
  assert.deepEqual((await load({ args: ["--dirs", "-1,-2", "--json"] })).dirs, ["-1", "-2"]);
  assert.match(await refusal({ args: ["--json", "-1"] }), /^--json: must be true or false/);
});

Deno.test("config: a flag whose value is missing says how one with a dash is written", async () => {
  for (const args of [["--token-file"], ["--token-file", "-x"], ["--token-file", "--json"]]) {
    const message = "--token-file: needs a value; one that begins with a dash is --token-file=-…";
    assert.equal(await refusal({ args }), message);
  }
  assert.match(await refusal({ args: ["-c"] }), /^--config: needs a value/);
});

Deno.test("config: keys of one section come from different places", async () => {
  const { queue } = await load({
    file: "[queue]\ncapacity = 2",
    env: { LLORCH_QUEUE_TIMEOUT_MS: "5" },
  });
  assert.deepEqual(queue, { capacity: 2, timeout_ms: 5 });
});

Deno.test("config: flags and variables become numbers, booleans and lists", async () => {
  assert.deepEqual((await load({ args: ["--dirs=/a, /b,"] })).dirs, ["/a", "/b"]);
  assert.equal((await load({ args: ["--json"] })).json, true);
  assert.equal((await load({ args: ["--json=false"], env: { LLORCH_JSON: "1" } })).json, false);
  assert.equal((await load({ env: { LLORCH_JSON: "0" }, file: "json = true" })).json, false);
  assert.equal((await load({ args: ["--port", "0"] })).port, 0);
});

Deno.test("config: an unknown key is reported with file and line, and a similar key", async () => {
  assert.equal(
    await refusal({ file: "port = 1\n\n[queue]\n# more\ncapcity = 2" }),
    "/etc/thing.toml:5: queue.capcity is not a known field; did you mean queue.capacity?",
  );
  assert.equal(
    await refusal({ file: "frobnicate = 1" }),
    "/etc/thing.toml:1: frobnicate is not a known field",
  );
});

Deno.test("config: an unknown section is reported with its line", async () => {
  assert.equal(
    await refusal({ file: "port = 1\n[qeue]\ncapacity = 2" }),
    "/etc/thing.toml:2: qeue is not a known field; did you mean queue?",
  );
});

Deno.test("config: every wrong key is listed", async () => {
  const lines = (await refusal({ file: "port = 70000\njson = 1\n[queue]\ncapacity = 0" })).split(
    "\n",
  );
  assert.deepEqual(lines.map((line) => line.split(" ")[0] + " " + line.split(" ")[1]), [
    "/etc/thing.toml:1: port",
    "/etc/thing.toml:2: json",
    "/etc/thing.toml:4: queue.capacity",
  ]);
});

Deno.test("config: a wrong value is reported with its flag or variable", async () => {
  assert.match(await refusal({ args: ["--port", "70000"] }), /^--port: /);
  assert.match(await refusal({ env: { LLORCH_QUEUE_CAPACITY: "0" } }), /^LLORCH_QUEUE_CAPACITY: /);
  assert.equal(
    await refusal({ args: ["--port", "many"] }),
    '--port: must be a number: current value is "many"',
  );
  assert.equal(
    await refusal({ args: ["--port="] }),
    '--port: must be a number: current value is ""',
  );
  assert.equal(
    await refusal({ env: { LLORCH_JSON: "maybe" } }),
    'LLORCH_JSON: must be true or false: current value is "maybe"',
  );
});

Deno.test("config: a section given as a value is refused, not overwritten", async () => {
  assert.match(await refusal({ file: "queue = 5" }), /^\/etc\/thing\.toml:1: queue /);
  assert.match(
    await refusal({ file: "queue = 5", env: { LLORCH_QUEUE_CAPACITY: "3" } }),
    /^\/etc\/thing\.toml:1: queue /,
  );
});

Deno.test("config: an unknown flag is reported with a similar one, or with --help", async () => {
  assert.equal(
    await refusal({ args: ["--queue-capcity", "3"] }),
    "Unknown option --queue-capcity; did you mean --queue-capacity?",
  );
  assert.equal(
    await refusal({ args: ["--frobnicate"] }),
    "Unknown option --frobnicate; thing --help lists them",
  );
});

Deno.test("config: a flag without its value and a stray argument are refused", async () => {
  assert.match(await refusal({ args: ["--port"] }), /--port/);
  assert.match(await refusal({ args: ["start"] }), /start/);
});

Deno.test("config: invalid TOML is reported with file and line", async () => {
  assert.match(await refusal({ file: "port = 1\njson = = true" }), /^\/etc\/thing\.toml:2: /);
});

Deno.test("config: a named file must exist, the default one need not", async () => {
  assert.equal((await load({})).port, 8080);
  assert.equal(
    await refusal({ args: ["--config=/no.toml"] }),
    "Cannot find the config file /no.toml",
  );
});

Deno.test("config: --check-config reports that all is valid, or what is not", async () => {
  const check = (file?: string) =>
    loadConfig(spec, sources({ args: ["--check-config"], ...(file ? { file } : {}) }));
  const valid = await check("port = 1");
  assert.equal(valid.kind, "checked");
  assert.equal(valid.text, "/etc/thing.toml: the configuration is valid");
  await assert.rejects(check("port = true"), UsageError);
});

Deno.test("config: --check-config also reports what is wrong with files that keys name", async () => {
  const checkFiles = () => Promise.resolve([{ key: ["port"], message: "leads nowhere" }]);
  const load = (...args: string[]) =>
    loadConfig({ ...spec, checkFiles }, sources({ args, file: "\nport = 1" }));
  await assert.rejects(load("--check-config"), (error: Error) => {
    assert.equal(error.message, "/etc/thing.toml:2: port: leads nowhere");
    return error instanceof UsageError;
  });
  await assert.rejects(load("--check-config", "--port=2"), /^UsageError: --port: leads nowhere$/);
  assert.equal((await load()).kind, "run");
});

Deno.test("config: a key that does not go with others is reported where it was set", async () => {
  const check = () => {
    throw new FaultyKey(["queue", "capacity"], "does not go with port");
  };
  const refused = (args: readonly string[], file?: string) =>
    loadConfig({ ...spec, check }, sources({ args, ...file ? { file } : {} }))
      .then(() => "accepted", (error: UsageError) => error.message);
  const [capacity, reason] = ["[queue]\ncapacity = 2", "does not go with port"];
  assert.equal(await refused([], capacity), `/etc/thing.toml:2: queue.capacity: ${reason}`);
  assert.equal(
    await refused([], "port = 1\n[queue]"),
    `/etc/thing.toml:2: queue.capacity: ${reason}`,
  );
  assert.equal(
    await refused(["--queue-capacity=3"], capacity),
    `--queue-capacity: ${reason}`,
  );
  assert.equal(await refused([]), `--queue-capacity: ${reason}`);
});

Deno.test("config: --version works with a broken file", async () => {
  const loaded = await loadConfig(spec, sources({ args: ["-V"], file: "=" }));
  assert.equal(loaded.kind, "version");
});

Deno.test("config: a program without a file has no --config", async () => {
  const bare = { ...spec, hasFile: false };
  await assert.rejects(loadConfig(bare, sources({ args: ["--config=x"] })), /Unknown option/);
  assert.equal((await loadConfig(bare, sources({ file: "=" }))).kind, "run");
});

Deno.test("config: flags that are not keys are returned beside the configuration", async () => {
  const loaded = await loadConfig(
    { ...spec, extraFlags: { once: { type: "boolean", help: "Stop after one" } } },
    sources({ args: ["--once"] }),
  );
  assert.equal(loaded.kind, "run");
  assert.deepEqual(loaded.flags, { once: true });
});

Deno.test("config: a command's flags are only for that command", async () => {
  const flags = { role: { type: "string", help: "Of a key" } } as const;
  const commands = {
    keys: { words: "NAME", summary: "Keys", flags },
    backup: { words: "FILE", summary: "Copy" },
  };
  const load = (...args: string[]) => loadConfig({ ...spec, commands }, sources({ args }));
  const loaded = await load("keys", "create", "--role", "pool");
  assert.equal(loaded.kind, "command");
  assert.deepEqual(loaded.flags, { role: "pool" });
  assert.deepEqual(loaded.words, ["create"]);
  for (const args of [["--role=pool"], ["backup", "x", "--role=pool"]]) {
    await assert.rejects(load(...args), /--role belongs to another command: thing keys/);
  }
});

Deno.test("config: a command's help lists its own flags, and the keys that it uses", async () => {
  const flags = { role: { type: "string", help: "Of a key" } } as const;
  const commands = {
    keys: { words: "NAME", summary: "Keys", flags, uses: ["token_file"] },
    backup: { words: "FILE", summary: "Copy" },
  };
  const help = (...args: string[]) => loadConfig({ ...spec, commands }, sources({ args }));
  assert.deepEqual(await help("keys", "--help"), {
    kind: "help",
    text: `thing keys: Keys

Usage: thing keys NAME [options]

  --role VALUE         Of a key
  --token-file STRING  File with the token
  -c, --config FILE    TOML file (default /etc/thing.toml)
  -h, --help           This text`,
  });
  const other = await help("backup", "x", "-h");
  assert.ok(other.kind === "help" && !other.text.includes("--role"));
});

Deno.test("config: the help lists every key with its meaning and default", async () => {
  const help = await loadConfig(spec, sources({ args: ["-h"], file: "=" }));
  assert.equal(help.kind, "help");
  assert.equal(
    help.text,
    `thing: does things

Usage: thing [options]

  -c, --config FILE          TOML file (default /etc/thing.toml)
  --check-config             Validate the configuration and exit
  --port NUMBER              Port to listen on (default 8080)
  --json                     JSON lines (default false)
  --token-file STRING        File with the token
  --dirs LIST                Folders (default [])
  --queue-capacity NUMBER    Jobs that may wait (default 100)
  --queue-timeout-ms NUMBER  Longest wait (default 1000)
  -h, --help                 This text
  -V, --version              Version

Every key can also be set in the environment: --port is LLORCH_PORT.`,
  );
});

Deno.test({
  name: "sourcesAgain() reads files, but no pipe, which might never be written to",
  ignore: Deno.build.os === "windows",
  async fn() {
    const dir = await Deno.makeTempDir();
    try {
      const pipe = join(dir, "pipe.toml");
      assert.ok((await new Deno.Command("mkfifo", { args: [pipe] }).output()).success);
      const { readFile } = sourcesAgain([]);
      assert.throws(() => readFile(pipe), /Cannot read .*pipe\.toml again: it is a pipe; restart/);
      assert.equal(readFile(join(dir, "none.toml")), undefined);
      await Deno.writeTextFile(join(dir, "a.toml"), "port = 1");
      assert.equal(readFile(join(dir, "a.toml")), "port = 1");
    } finally {
      await Deno.remove(dir, { recursive: true });
    }
  },
});
