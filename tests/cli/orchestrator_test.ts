import assert from "node:assert/strict";
import { join } from "node:path";
import { llorch, withHome } from "../support/llorch.ts";
import { isAlive, listeningUrl, startProgram, until } from "../support/stack.ts";

const ORCHESTRATOR = "orchestrator";
const STATE = ".local/state/llorch/orchestratord";

/**
 * Runs a test with `llorch orchestrator …` in a new home; all processes it started are ended
 * afterwards.
 */
async function withOrchestrator(
  test: (
    run: (...args: string[]) => ReturnType<typeof llorch>,
    home: string,
    env: Record<string, string>,
  ) => Promise<void>,
): Promise<void> {
  await withHome(async (home, env) => {
    // Hides systemd units that this machine may have.
    const own = { ...env, PATH: await pathWithSystemctl(home, "exit 1") };
    const pids: number[] = [];
    try {
      await test(
        async (...args) => {
          // llorch has a launcher here, which the daemon that it starts must not follow.
          const env = { ...own, LLORCH_LAUNCHER: "parent" };
          const ran = await llorch([ORCHESTRATOR, ...args], { env });
          for (const [, pid] of ran.out.matchAll(/\bpid\W+(\d+)/g)) pids.push(Number(pid));
          return ran;
        },
        home,
        own,
      );
    } finally {
      for (const pid of pids.filter(isAlive)) Deno.kill(pid, "SIGKILL");
      await until("all started processes have ended", () => !pids.some(isAlive));
    }
  });
}

/** A PATH that starts with a fake systemctl, which records its arguments and then runs `then`. */
async function pathWithSystemctl(home: string, then: string): Promise<string> {
  const bin = join(home, "bin");
  await Deno.mkdir(bin, { recursive: true });
  const script = `#!/bin/sh\necho "$*" >>'${home}/asked'\n${then}\n`;
  await Deno.writeTextFile(join(bin, "systemctl"), script, { mode: 0o755 });
  return `${bin}:${Deno.env.get("PATH")}`;
}

Deno.test("start leaves a daemon running, status finds it, and stop ends it", async () => {
  await withOrchestrator(async (run) => {
    const started = await run("start", "--json", "--", "--port=0");
    assert.equal(started.code, 0, started.err);
    assert.match(started.err, /only\. In production systemd runs it: systemctl enable --now orch/);
    const { pid, url, log } = JSON.parse(started.out);
    assert.ok(isAlive(pid));
    assert.equal(((await Deno.stat(log)).mode ?? 0) & 0o777, 0o600);

    const status = await run("status", "--url", url);
    assert.equal(status.code, 0);
    assert.match(status.out, /^health +ok$/m);
    assert.match(status.out, /^ready +no: No pool is available; try again in \d+ s$/m);
    assert.match(status.out, /^queued +0$/m);

    const events = await run("events", "--url", url);
    assert.match(events.out, /^\S+Z +started +orchestratord \S+ has started\n$/);
    const [event] = (await run("events", "--json", "--url", url)).out.trim().split("\n");
    assert.equal(JSON.parse(event ?? "").kind, "started");

    const cluster = await run("cluster", "--url", url);
    assert.equal(cluster.code, 0);
    assert.match(cluster.out, /^NAME +ROLE +STATE +VERSION +START +SETTINGS +URL$/m);
    assert.match(cluster.out, new RegExp(`^\\S+ +leader +alive +\\S+ +\\d+ +same +${url}$`, "m"));
    assert.match(cluster.err, /^It is alone: /);
    const view = JSON.parse((await run("cluster", "--json", "--url", url)).out);
    assert.equal(view.is_alone, true);
    assert.deepEqual(view.replicas.map(({ url }: { url: string }) => url), [url]);

    const { uptime_seconds, ...rest } = JSON.parse(
      (await run("status", "--json", "--url", url)).out,
    );
    assert.ok(uptime_seconds > 0);
    assert.deepEqual(rest.counts, { pools: 0, workers: 0, queued: 0 });

    const stopped = await run("stop");
    assert.equal(stopped.code, 0);
    assert.equal(stopped.err, `Stopped orchestratord at ${url} (pid ${pid})\n`);
    assert.ok(!isAlive(pid));
    assert.equal((await run("status", "--url", url)).code, 1);
    const again = await run("stop", "--url", url);
    assert.deepEqual([again.code, again.err], [0, "orchestratord is not running\n"]);
  });
});

/**
 * Writes an executable that behaves like a portable one: a script that replaces itself with deno,
 * under the script's name and with the daemon's permissions.
 */
async function writePortable(home: string, name: string): Promise<void> {
  const app = join(home, `runtime/${name}-0.1.0-x86_64-unknown-linux-gnu-1a2b`);
  await Deno.mkdir(app, { recursive: true });
  await Deno.writeTextFile(
    join(app, "main.js"),
    `Deno.addSignalListener("SIGTERM", () => Deno.exit(0));
     setInterval(() => {}, 60_000);
     const url = "http://127.0.0.1:1";
     console.log(JSON.stringify({ event: "listening", pid: Deno.pid, url }));`,
  );
  const permissions = { [name]: { all: true } };
  await Deno.writeTextFile(join(app, "deno.json"), JSON.stringify({ permissions }));
  await Deno.writeTextFile(
    join(home, "bin", name),
    `#!/bin/sh\nexec '${Deno.execPath()}' run --quiet --no-prompt ` +
      `--config='${app}/deno.json' -P=${name} '${app}/main.js' "$@"\n`,
    { mode: 0o755 },
  );
}

Deno.test("stop ends a portable daemon that start has started", async () => {
  await withOrchestrator(async (run, home, env) => {
    await writePortable(home, "orchestratord");
    env["LLORCH_BIN_DIR"] = join(home, "bin");
    const started = await run("start", "--json");
    assert.equal(started.code, 0, started.err);
    const { pid, url } = JSON.parse(started.out);
    const stopped = await run("stop", "--url", url);
    assert.equal(stopped.err, `Stopped orchestratord at ${url} (pid ${pid})\n`);
    assert.ok(!isAlive(pid));
  });
});

Deno.test("with two daemons stop asks which one, and ends the one that is named", async () => {
  await withOrchestrator(async (run, home) => {
    const start = async (name: string) => {
      const flags = ["--port=0", `--state-dir=${join(home, name)}`];
      return JSON.parse((await run("start", "--json", "-q", "--", ...flags)).out);
    };
    const [one, two] = [await start("one"), await start("two")];
    const unclear = await run("stop");
    assert.equal(unclear.code, 2);
    assert.match(
      unclear.err,
      /2 instances of orchestratord run: give the one to stop with --url: http.*, http/,
    );
    assert.equal((await run("stop", "--url", one.url, "-q")).code, 0);
    assert.deepEqual([isAlive(one.pid), isAlive(two.pid)], [false, true]);
    assert.match((await run("status")).out, new RegExp(`it was started at ${two.url}: give this`));
    assert.equal((await run("stop", "-q")).code, 0);
  });
});

Deno.test("the error and the exit code of a daemon that cannot start are passed on", async () => {
  await withOrchestrator(async (run, home) => {
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = listener.addr as Deno.NetAddr;
    const taken = await run("start", "--", `--port=${port}`);
    listener.close();
    assert.equal(taken.code, 1);
    assert.match(
      taken.err,
      /^orchestratord: Cannot listen on 127\.0\.0\.1:\d+: the port is in use/,
    );

    const config = join(home, "orchestrator.toml");
    await Deno.writeTextFile(config, "port = 0\n[queue]\ncapacty = 3\n");
    const wrong = await run("start", "--config", config);
    assert.equal(wrong.code, 2);
    assert.match(wrong.err, /orchestrator\.toml:3: queue\.capacty is not a known field; did you/);
    assert.equal(wrong.out, "");

    await Deno.writeTextFile(config, "port = 0\n");
    assert.equal((await run("start", "--config", config)).code, 0);
    assert.equal((await run("stop")).code, 0);
  });
});

Deno.test("status distinguishes another program from none", async () => {
  await withOrchestrator(async (run) => {
    await using server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen() {} },
      () => new Response("hello"),
    );
    const { code, out } = await run("status", "--url", `http://127.0.0.1:${server.addr.port}`);
    assert.equal(code, 1);
    assert.match(out, /not reachable: something that is not orchestratord answers there: give the/);
  });
});

Deno.test("stop leaves alone a daemon that start has not started", async () => {
  await withOrchestrator(async (run, home) => {
    const flags = ["--port=0", `--state-dir=${join(home, "state")}`];
    const daemon = startProgram("daemons/orchestratord/main.ts", "orchestratord", flags);
    try {
      const url = await listeningUrl(daemon);
      const refused = await run("stop", "--url", url);
      assert.equal(refused.code, 1);
      assert.match(refused.err, /llorch orchestrator start has not started it; stop it where/);
      assert.ok(isAlive(daemon.pid));
    } finally {
      daemon.kill("SIGTERM");
      await daemon.status;
      await daemon.lines.return(undefined);
    }
  });
});

Deno.test("stop does not mistake a process for the daemon that had its pid before", async () => {
  await withOrchestrator(async (run, home) => {
    const other = new Deno.Command("sleep", { args: ["1000"] }).spawn();
    try {
      await Deno.mkdir(join(home, STATE), { recursive: true });
      const line = { event: "listening", pid: other.pid, url: "http://127.0.0.1:9" };
      await Deno.writeTextFile(join(home, STATE, "orchestratord-1.log"), JSON.stringify(line));
      const { code, err } = await run("stop", "--url", "http://127.0.0.1:9");
      assert.deepEqual([code, err], [0, "orchestratord is not running\n"]);
      assert.ok(isAlive(other.pid));
    } finally {
      other.kill("SIGKILL");
      await other.status;
    }
  });
});

Deno.test("Ctrl-C during a start leaves nothing behind", async () => {
  await withOrchestrator(async (_run, home, env) => {
    const pidFile = join(home, "pid");
    const silent = `#!/bin/sh\necho $$ >'${pidFile}.new'\nmv '${pidFile}.new' '${pidFile}'\n` +
      "exec sleep 1000\n";
    await Deno.writeTextFile(join(home, "bin/orchestratord"), silent, { mode: 0o755 });
    const program = startProgram("cli/main.ts", "llorch", [ORCHESTRATOR, "start"], {
      ...env,
      LLORCH_BIN_DIR: join(home, "bin"),
    });
    let pid = 0;
    await until("the daemon was started", async () => {
      pid = Number(await Deno.readTextFile(pidFile).catch(() => "0"));
      return pid > 0;
    });
    program.kill("SIGINT");
    assert.equal((await program.status).code, 130);
    await program.lines.return(undefined);
    assert.ok(!isAlive(pid));
  });
});

Deno.test({
  name: "if a unit is installed, start and stop call systemctl (Linux only)",
  ignore: Deno.build.os !== "linux",
  async fn() {
    await withOrchestrator(async (run, home) => {
      const script = `case "$1" in cat) exit 0;; is-active) echo inactive; exit 3;; esac
echo "systemctl says $*"; exit 5`;
      await pathWithSystemctl(home, script);
      const started = await run("start");
      assert.equal(started.code, 5);
      assert.equal(started.out, "systemctl says start orchestratord\n");
      assert.match(started.err, /is installed as a service here: systemctl start orchestratord/);
      const refused = await run("start", "--", "--port=0");
      assert.equal(refused.code, 2);
      assert.match(refused.err, /does not take --port=0; put it in the service's own config file/);
      assert.equal((await run("stop", "--url", "http://127.0.0.1:9")).code, 5);
      const status = await run("status", "--url", "http://127.0.0.1:9");
      assert.match(status.out, /^service +inactive$/m);
      const calls = (await Deno.readTextFile(join(home, "asked"))).trim().split("\n");
      assert.deepEqual(calls.filter((line) => !/^(cat|is-active) /.test(line)), [
        "start orchestratord",
        "stop orchestratord",
      ]);
    });
  },
});
