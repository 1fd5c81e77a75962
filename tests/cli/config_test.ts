import assert from "node:assert/strict";
import { join } from "node:path";
import { LLORCH, llorch, withHome } from "../support/llorch.ts";

const WRITTEN = `# My stacks.
[orchestrator]
url = "http://127.0.0.1:8080" # the small one

# Far away.
[hosts.gpu1]
address = "10.0.0.4"
`;

/** Runs a test with a config file of this content. */
async function withConfig(
  text: string,
  test: (file: string, run: (...args: string[]) => ReturnType<typeof llorch>) => Promise<void>,
): Promise<void> {
  await withHome(async (home, env) => {
    const file = join(home, ".config/llorch/config.toml");
    await Deno.mkdir(join(home, ".config/llorch"), { recursive: true });
    await Deno.writeTextFile(file, text);
    await test(file, (...args) => llorch(["config", ...args], { env }));
  });
}

Deno.test("config set, get, list and unset work on the file and keep its comments", async () => {
  await withConfig(WRITTEN, async (file, run) => {
    const set = await run("set", "orchestrator.url", "http://gpu1:8080");
    assert.deepEqual(set, {
      code: 0,
      out: "",
      err: `Set orchestrator.url to http://gpu1:8080 in ${file}\n`,
    });
    assert.equal((await run("set", "hosts.gpu1.port", "2222", "--quiet")).err, "");
    assert.equal(
      await Deno.readTextFile(file),
      WRITTEN.replace("127.0.0.1", "gpu1").concat("port = 2222\n"),
    );
    const get = await run("get", "orchestrator.url");
    assert.deepEqual(get, { code: 0, out: "http://gpu1:8080\n", err: "" });
    const { out } = await run("list");
    assert.match(out, /^orchestrator\.url +http:\/\/gpu1:8080 +\S+config\.toml:3$/m);
    assert.match(out, /^pool\.url .*default$/m);
    assert.match(out, /^hosts\.gpu1\.port +2222 .*:8$/m);
    assert.equal((await run("unset", "hosts.gpu1.port")).code, 0);
    assert.equal(await Deno.readTextFile(file), WRITTEN.replace("127.0.0.1", "gpu1"));
  });
});

Deno.test("config set creates a missing file, and config path prints where it is", async () => {
  await withHome(async (home, env) => {
    const config = join(home, "elsewhere");
    const run = (...args: string[]) =>
      llorch(["config", ...args], { env: { ...env, XDG_CONFIG_HOME: config } });
    const file = join(config, "llorch/config.toml");
    assert.deepEqual(await run("path"), { code: 0, out: `${file}\n`, err: "" });
    assert.equal((await run("set", "models.dir", "/m")).code, 0);
    assert.equal(await Deno.readTextFile(file), `[models]\ndir = "/m"\n`);
    assert.deepEqual(JSON.parse((await run("get", "models.dir", "--json")).out), {
      key: "models.dir",
      description: "Folder that models are downloaded to",
      value: "/m",
      source: `${file}:2`,
    });
  });
});

Deno.test("config reports an error in one sentence, and changes nothing", async () => {
  await withConfig(WRITTEN, async (file, run) => {
    const cases: [string[], number, RegExp][] = [
      [["set", "pool.ulr", "x"], 2, /^llorch: Unknown key pool\.ulr; did you mean pool\.url\?\n$/],
      [["set", "pool.url", "x"], 2, /^llorch: Cannot change \S+: pool\.url must be an http or/],
      [["set", "hosts.gpu1.port", "ssh"], 2, /^llorch: hosts\.gpu1\.port must be a number/],
      [
        ["set", "hosts.gpu2.port", "22"],
        2,
        /address is required; llorch remote hosts add gpu2 ADD/,
      ],
      [["set", "hosts.a b.address", "x"], 2, /^llorch: Cannot call a host "a b": its name must be/],
      [["set", "models.dir", "m"], 2, /models\.dir must be an absolute path, or begin with ~\/\n$/],
      [["set", "hosts.gpu1.address", "--", "-oProxyCommand=x"], 2, /must be one word/],
      [["unset", "hosts.gpu1.address"], 2, /address is required; llorch remote hosts remove gpu1 /],
      [["get", "pool.token_file"], 1, /^llorch: pool\.token_file is not set; llorch config set/],
      [["validate", "nowhere.toml"], 2, /^llorch: Cannot find the file nowhere\.toml\n$/],
    ];
    for (const [args, code, expected] of cases) {
      const ran = await run(...args);
      assert.match(ran.err, expected);
      assert.deepEqual([ran.code, ran.out], [code, ""], args.join(" "));
    }
    assert.equal(await Deno.readTextFile(file), WRITTEN);
  });
});

Deno.test("config validate names file and line of every error", async () => {
  const text = `[orchestrator]\nurl = "ftp://x"\n[hosts.a]\nport = 0\n[pol]\nurl = "x"\n`;
  await withConfig(text, async (file, run) => {
    const { code, err } = await run("validate");
    assert.equal(code, 2);
    assert.match(err, new RegExp(`^llorch: ${file}:2: orchestrator\\.url must be an http`, "m"));
    assert.match(err, new RegExp(`^llorch: ${file}:3: hosts\\.a\\.address is required$`, "m"));
    assert.match(err, new RegExp(`^llorch: ${file}:4: hosts\\.a\\.port `, "m"));
    assert.match(err, /:5: pol is not a known field; did you mean pool\?$/m);
    const { ok, problems } = JSON.parse((await run("validate", "--json")).out);
    assert.deepEqual([ok, problems.length], [false, 4]);
  });
  await withConfig("a = [1\nb = ", async (file, run) => {
    const { code, err } = await run("validate");
    assert.equal(code, 2);
    assert.match(err, new RegExp(`^llorch: ${file}:2: `));
    assert.equal((await run("set", "pool.url", "http://x")).code, 2);
  });
});

Deno.test("config prefers LLORCH_* variables to the file and says so", async () => {
  await withHome(async (_, env) => {
    const own = { ...env, LLORCH_POOL_URL: "http://b:2" };
    const { out } = await llorch(["config", "list"], { env: own });
    assert.match(out, /^pool\.url {10}http:\/\/b:2 .*LLORCH_POOL_URL$/m);
    const { err } = await llorch(["config", "set", "pool.url", "http://c:3"], { env: own });
    assert.match(err, /LLORCH_POOL_URL is set too and overrides the file\n$/);
    const wrong = { ...env, LLORCH_POOL_URL: "b" };
    const { code, err: message } = await llorch(["config", "validate"], { env: wrong });
    assert.equal(code, 2);
    assert.match(message, /^llorch: LLORCH_POOL_URL must be an http or https URL/);
  });
});

Deno.test("config does not take a file in the current folder for the user's own", async () => {
  await withHome(async (home, env) => {
    await Deno.mkdir(join(home, ".config/llorch"), { recursive: true });
    await Deno.writeTextFile(join(home, ".config/llorch/config.toml"), `pool.url = "http://x"\n`);
    const { HOME: _, ...homeless } = { ...Deno.env.toObject(), ...env };
    const { stdout, stderr, code } = await new Deno.Command(LLORCH[0]!, {
      args: [...LLORCH.slice(1), "config", "get", "pool.url"],
      env: homeless,
      clearEnv: true,
      cwd: home,
    }).output();
    const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    assert.deepEqual([code, text(stdout)], [2, ""]);
    assert.match(text(stderr), /^llorch: Cannot tell where your settings are: set HOME, or XDG/);
  });
});

Deno.test("config validate warns of a variable whose name is almost that of a setting", async () => {
  await withHome(async (_, env) => {
    const own = { ...env, LLORCH_POOLURL: "bad", LLORCH_MODELS_DIRS: "/m", LLORCH_QUEUE: "3" };
    const { code, err } = await llorch(["config", "validate"], { env: own });
    assert.deepEqual(
      [code, err],
      [0, "llorch: LLORCH_POOLURL is not a variable of llorch; did you mean LLORCH_POOL_URL?\n"],
    );
  });
});

Deno.test("config says when its folder cannot be used", async () => {
  await withHome(async (home, env) => {
    const file = join(home, "file");
    await Deno.writeTextFile(file, "");
    const own = { ...env, XDG_CONFIG_HOME: file };
    const { code, err } = await llorch(["config", "set", "models.dir", "/m"], { env: own });
    assert.equal(code, 2);
    assert.match(err, /^llorch: Cannot read \S+config\.toml: Not a directory\n$/);
  });
});

Deno.test({
  name: "config set keeps a linked file a link",
  ignore: Deno.build.os === "windows",
  async fn() {
    await withConfig(WRITTEN, async (file, run) => {
      const real = join(file, "../dotfile.toml");
      await Deno.rename(file, real);
      await Deno.symlink(real, file);
      assert.equal((await run("set", "models.dir", "/m")).code, 0);
      assert.ok((await Deno.lstat(file)).isSymlink);
      assert.match(await Deno.readTextFile(real), /dir = "\/m"/);
    });
  },
});
