import assert from "node:assert/strict";
import { basename, join } from "node:path";
import { startExecutable } from "../support/service.ts";
import { ROOT, within } from "../support/stack.ts";

const UNITS = {
  "deploy/systemd/llorch-orchestratord.service": 2.0,
  "deploy/systemd/llorch-pool-managerd.service": 3.5,
};

async function has(tool: string): Promise<boolean> {
  const args = ["-c", `command -v ${tool}`];
  return (await new Deno.Command("sh", { args, stdout: "null" }).output()).success;
}

async function run(command: string, ...args: string[]): Promise<{ code: number; text: string }> {
  const { code, stdout, stderr } = await new Deno.Command(command, { args }).output();
  const decoder = new TextDecoder();
  return { code, text: decoder.decode(stdout) + decoder.decode(stderr) };
}

const systemd = { ignore: !await has("systemd-analyze") }; // Debian's package systemd.

Deno.test("systemd finds nothing wrong with the units", systemd, async () => {
  const dir = await Deno.makeTempDir({ prefix: "llorch-test-" });
  try {
    for (const unit of Object.keys(UNITS)) {
      // The executables need not be installed on this machine.
      const text = (await Deno.readTextFile(join(ROOT, unit))).replace("/usr/bin/", "/bin/true #");
      const copy = join(dir, basename(unit));
      await Deno.writeTextFile(copy, text);
      assert.deepEqual(await run("systemd-analyze", "verify", "--man=no", copy), {
        code: 0,
        text: "",
      });
    }
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("systemd rates the exposure of the units as low", systemd, async () => {
  for (const [unit, most] of Object.entries(UNITS)) {
    const { text } = await run(
      ...["systemd-analyze", "security", "--offline=true", "--no-pager"] as const,
      join(ROOT, unit),
    );
    const [, exposure] = /exposure level for \S+: ([\d.]+)/.exec(text) ?? [];
    assert.ok(Number(exposure) <= most, `${unit}: ${exposure} is over ${most}`);
  }
});

Deno.test({
  name: "each daemon notifies a service manager when it is ready, alive and stopping",
  ignore: Deno.build.os !== "linux",
  async fn() {
    for (const name of ["orchestratord", "pool-managerd"] as const) {
      const dir = await Deno.makeTempDir({ prefix: "llorch-test-" });
      const socket = join(dir, "notify");
      const manager = Deno.listenDatagram({ transport: "unixpacket", path: socket });
      const next = async () => {
        const received = manager.receive(new Uint8Array(4096));
        return new TextDecoder().decode((await within(received, `${name} says something`))[0]);
      };
      const program = startExecutable(name, ["--port=0", `--state-dir=${join(dir, "state")}`], {
        NOTIFY_SOCKET: socket,
        WATCHDOG_USEC: "200000",
      });
      try {
        assert.match(await next(), /^READY=1\nSTATUS=http:\/\/127\.0\.0\.1:\d+: .*\n$/);
        assert.equal(await next(), "WATCHDOG=1\n");
        assert.equal(await next(), "WATCHDOG=1\n");
        program.kill("SIGHUP");
        const reloading: string[] = [];
        while (!reloading.includes("READY=1\n")) reloading.push(await next());
        assert.deepEqual(reloading.filter((state) => state !== "WATCHDOG=1\n"), [
          "RELOADING=1\n",
          "READY=1\n",
        ]);
        program.kill("SIGTERM");
        for (let state = await next(); state !== "STOPPING=1\n"; state = await next()) {
          assert.equal(state, "WATCHDOG=1\n");
        }
        assert.equal((await within(program.status, `${name} has stopped`)).code, 0);
      } finally {
        program.kill("SIGKILL");
        manager.close();
        await program.status;
        await program.lines.return(undefined);
        await Deno.remove(dir, { recursive: true });
      }
    }
  },
});

const python = { ignore: !await has("python3") }; // Its plistlib parses property lists.

Deno.test(
  "launchd's property lists are valid and have the keys that launchd reads",
  python,
  async () => {
    for (const name of ["orchestratord", "pool-managerd"]) {
      const file = join(ROOT, `deploy/launchd/org.llorch.${name}.plist`);
      const program =
        "import json,plistlib,sys;print(json.dumps(plistlib.load(open(sys.argv[1],'rb'))))";
      const { code, text } = await run("python3", "-c", program, file);
      assert.equal(code, 0, text);
      const list = JSON.parse(text);
      assert.equal(list.Label, `org.llorch.${name}`);
      assert.equal(list.ProgramArguments[0], `/usr/local/bin/${name}`);
      assert.deepEqual(list.KeepAlive, { SuccessfulExit: false });
    }
  },
);
