import assert from "node:assert/strict";
import { join } from "node:path";
import { readLines } from "#shared/lines.ts";
import { LLORCH, llorch, type Ran, withHome } from "../support/llorch.ts";
import { type Sshd, sshdMissing, withSshd } from "../support/sshd.ts";
import { isAlive, until, within } from "../support/stack.ts";

const isWindows = Deno.build.os === "windows";
const missing = sshdMissing();

/** Arguments that a shell would misread. */
const NASTY = [
  "",
  " ",
  "'",
  `"`,
  "\\",
  "$HOME",
  "`id`",
  "$(id)",
  "*",
  "~",
  "a;b",
  ">x",
  "\n",
  "-n",
  "ü",
];

/** Runs a test in a home whose config has the host `there`: a real sshd, with the real `llorch`. */
async function withRemote(
  test: (home: string, env: Record<string, string>, sshd: Sshd) => Promise<void>,
): Promise<void> {
  await withHome(async (home, env) => {
    await withSshd(home, env, async (sshd) => {
      const shim = join(home, "llorch there");
      const command = LLORCH.map((word) => `'${word}'`).join(" ");
      await Deno.writeTextFile(shim, `#!/bin/sh\nexec ${command} "$@"\n`, { mode: 0o755 });
      const added = await llorch([
        ...["remote", "hosts", "add", "there", "127.0.0.1"],
        ...["--port", String(sshd.port), "--llorch", shim],
        ...["--ssh-args", JSON.stringify(sshd.sshArgs)],
      ], { env });
      assert.equal(added.code, 0, added.err);
      await test(home, env, sshd);
    });
  });
}

/** Starts a command line; its output lines can be read as they are written. */
function start(args: readonly string[], env: Record<string, string>) {
  const [command, ...own] = LLORCH;
  const child = new Deno.Command(command!, {
    args: [...own, ...args],
    env,
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  return { child, lines: readLines(child.stdout) };
}

const realSshd = {
  ignore: missing !== undefined,
  suffix: missing === undefined ? "" : ` (skipped: ${missing})`,
};

Deno.test({
  name: `--remote runs the same command line there through a real sshd${realSshd.suffix}`,
  ignore: realSshd.ignore,
  async fn() {
    await withRemote(async (home, env) => {
      const run = (...args: string[]): Promise<Ran> => llorch(args, { env });

      // Remote commands have the same output and exit codes as local ones.
      for (
        const args of [["config", "path"], ["config", "get", "nothing"], ["--version"], ["--help"]]
      ) {
        assert.deepEqual(await run(...args, "--remote", "there"), await run(...args));
      }

      // Arguments arrive unchanged, stdout and stderr stay separate, and the exit code is kept.
      const printed = await run("remote", "exec", "there", "--", "printf", "%s\\0", ...NASTY);
      assert.deepEqual(printed.out.split("\0").slice(0, -1), NASTY);
      assert.equal(printed.err, "");
      const script = "echo out; echo err >&2; exit 7";
      assert.deepEqual(await run("remote", "exec", "there", "--", "sh", "-c", script), {
        code: 7,
        out: "out\n",
        err: "err\n",
      });

      // A missing program is reported in one sentence.
      const gone = await run("remote", "exec", "there", "--", "no-such-program");
      assert.equal(gone.code, 127);
      assert.equal(gone.err, "llorch: there has no no-such-program; check its path\n");

      // A reader that stops early is not an error.
      const quoted = LLORCH.map((word) => `'${word}'`).join(" ");
      const { stdout, stderr } = await new Deno.Command("sh", {
        args: ["-c", `${quoted} remote exec there -- seq 1 1000000 | head -1`],
        env,
      }).output();
      const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
      assert.deepEqual([text(stdout), text(stderr)], ["1\n", ""]);
      const many = await run("remote", "exec", "there", "--", "seq", "1", "200000");
      assert.equal(many.out.split("\n").length, 200_001);
      await Deno.writeTextFile(join(home, "known_hosts"), "");
      const unknown = await run("config", "path", "--remote", "there");
      assert.deepEqual([unknown.code, unknown.out], [1, ""]);
      assert.match(
        unknown.err,
        /^llorch: Cannot reach there over ssh: Host key verification failed; ssh there once .*\n$/,
      );
    });
  },
});

Deno.test({
  name: `--remote streams output, and passes Ctrl-C on to the remote command${realSshd.suffix}`,
  ignore: realSshd.ignore,
  async fn() {
    await withRemote(async (home, env) => {
      const marks = join(home, "marks");
      const script = `trap 'echo interrupted >>${marks}; exit 130' INT
        echo $$
        while :; do sleep 0.1; done`;
      const { child, lines } = start(["remote", "exec", "there", "--", "sh", "-c", script], env);
      // The line arrives while the command still runs.
      const pid = Number((await within(lines.next(), "the first line")).value);
      assert.ok(isAlive(pid));
      child.kill("SIGINT");
      assert.equal((await within(child.status, "llorch ends")).code, 130);
      await lines.return(undefined);
      await until("the remote command ends", () => !isAlive(pid), 15_000);
      await until("the process that watched it ends", async () => {
        const { stdout } = await new Deno.Command("ps", { args: ["-A", "-o", "args="] }).output();
        return !new TextDecoder().decode(stdout).split("\n")
          .some((line) => line.includes(marks));
      });
      assert.equal(await Deno.readTextFile(marks), "interrupted\n");
    });
  },
});

Deno.test({
  name: `--remote explains in one sentence why ssh failed${realSshd.suffix}`,
  ignore: realSshd.ignore,
  async fn() {
    await withRemote(async (home, env, sshd) => {
      const path = (...args: string[]) => llorch(["config", "path", ...args], { env });
      const set = (key: string, value: string) =>
        llorch(["config", "set", `hosts.there.${key}`, value], { env });
      await Deno.writeTextFile(join(home, "authorized_keys"), "");
      const denied = await path("--remote=there");
      assert.equal(denied.code, 1);
      assert.match(denied.err, /^llorch: Cannot reach there .*Permission denied .*ssh-add\n$/);
      await set("address", "no.such.host.invalid");
      const unknown = await path("--remote=there");
      assert.match(
        unknown.err,
        /^llorch: Cannot reach there .*Could not resolve .*hosts add it\n$/,
      );
      await set("address", "127.0.0.1");
      // Nothing listens on port 1.
      await set("port", "1");
      const refused = await path("--remote=there");
      assert.match(refused.err, /^llorch: Cannot reach there .*Connection refused; .* its port\n$/);
      assert.ok(sshd.port > 0);
    });
  },
});

/** Runs a test with this shell script as the `ssh` on the PATH. */
async function withFakeSsh(
  script: string,
  test: (run: (...args: string[]) => Promise<Ran>, home: string) => Promise<void>,
): Promise<void> {
  await withHome(async (home, env) => {
    await Deno.writeTextFile(join(home, "ssh"), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    const own = { ...env, PATH: `${home}:${Deno.env.get("PATH")}` };
    await test((...args) => llorch(args, { env: own }), home);
  });
}

/** A fake ssh that runs the command line locally, as the remote login shell would. */
const LOCAL_SSH = 'for line; do :; done\nexec sh -c "$line"';

Deno.test({
  name: "remote exec passes every argument on unchanged (fake ssh)",
  ignore: isWindows,
  async fn() {
    await withFakeSsh(LOCAL_SSH, async (run) => {
      const { code, out, err } = await run(
        "remote",
        "exec",
        "x",
        "--",
        "printf",
        "%s\\0",
        ...NASTY,
      );
      assert.deepEqual([code, err], [0, ""]);
      assert.deepEqual(out.split("\0").slice(0, -1), NASTY);
    });
  },
});

Deno.test({
  name: "--remote runs ssh without prompts, with a timeout, and with the host's own settings",
  ignore: isWindows,
  async fn() {
    await withFakeSsh(`printf '%s\\n' "$@" | head -16`, async (run) => {
      await run("remote", "hosts", "add", "gpu1", "10.0.0.4", "-u", "ada", "-p", "2222");
      await run("config", "set", "hosts.gpu1.args", '["-J", "bastion"]');
      const { out } = await run("models", "list", "--remote", "gpu1");
      const args = out.split("\n").filter((word) => !word.includes("llorch-ssh-"));
      const expected = [
        ..."-T -E -o BatchMode=yes -o ConnectTimeout=10 -p 2222 -l ada -J bastion --".split(" "),
      ];
      assert.deepEqual(args.slice(0, expected.length), expected);
    });
  },
});

Deno.test({
  name: "--remote keeps exit codes, and explains the code 255 of ssh",
  ignore: isWindows,
  async fn() {
    await withFakeSsh("exit 3", async (run) => {
      assert.deepEqual(await run("--remote", "x", "models"), { code: 3, out: "", err: "" });
    });
    await withFakeSsh("exit 255", async (run) => {
      assert.deepEqual(await run("--remote", "x", "models"), {
        code: 255,
        out: "",
        err: "llorch: x: ssh, or the command there, ended with 255\n",
      });
    });
    const logged = 'while [ "$1" != -E ]; do shift; done; echo "ssh: it broke." >"$2"; exit 255';
    await withFakeSsh(logged, async (run) => {
      const { code, err } = await run("--remote", "x", "models");
      assert.equal(code, 1);
      assert.equal(err, "llorch: Cannot reach x over ssh: it broke; try ssh x by hand\n");
    });
  },
});

Deno.test("--remote reports errors that it finds before it runs ssh", async () => {
  await withHome(async (home, env) => {
    const run = (...args: string[]) => llorch(args, { env: { ...env, PATH: home } });
    const none = await run("--remote", "x", "models");
    assert.deepEqual([none.code, none.err], [
      2,
      "llorch: Cannot find ssh: install an OpenSSH client\n",
    ]);
    const option = await run("models", "--remote=-oProxyCommand=id");
    assert.equal(option.code, 2);
    assert.match(option.err, /^llorch: Cannot use "-oProxyCommand=id" as a host/);
  });
});

Deno.test("remote hosts list, add and remove keep the config file", async () => {
  await withHome(async (home, env) => {
    const run = (...args: string[]) => llorch(["remote", "hosts", ...args], { env });
    assert.deepEqual(await run("list"), {
      code: 0,
      out: "",
      err: "No hosts yet; llorch remote hosts add NAME ADDRESS adds one\n",
    });
    await run("add", "gpu1", "10.0.0.4", "--user", "ada", "--port", "2222", "-q");
    await run("add", "gpu2", "gpu2.lan", "--llorch", "~/bin/llorch");
    assert.equal(
      (await run("list")).out,
      "NAME  ADDRESS            LLORCH\n" +
        "gpu1  ada@10.0.0.4:2222  llorch\n" +
        "gpu2  gpu2.lan           ~/bin/llorch\n",
    );
    const { hosts } = JSON.parse((await run("list", "--json")).out);
    assert.deepEqual(hosts[0], { name: "gpu1", address: "10.0.0.4", user: "ada", port: 2222 });
    const twice = await run("add", "gpu1", "x");
    assert.equal(twice.code, 2);
    assert.match(
      twice.err,
      /^llorch: The host gpu1 already exists; llorch config set hosts\.gpu1\.address/,
    );
    const slip = await run("remove", "gpu3");
    assert.match(slip.err, /^llorch: There is no host gpu3 in .*; did you mean gpu[12]\?\n$/);
    assert.equal((await run("remove", "gpu1")).code, 0);
    const file = await Deno.readTextFile(join(home, ".config/llorch/config.toml"));
    assert.equal(file.trim(), '[hosts.gpu2]\naddress = "gpu2.lan"\nllorch = "~/bin/llorch"');
    assert.equal((await run("add", "a.b", "x")).code, 2);
  });
});
