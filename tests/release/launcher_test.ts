import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { basename, join } from "node:path";
import { namesIn, type Sandbox, withPortable, writeExecutable } from "../support/portable.ts";
import { until } from "../support/stack.ts";

const unix = { ignore: Deno.build.os === "windows" };
/** Only root can run a process as another user. */
const asRoot = { ignore: Deno.build.os !== "linux" || Deno.uid() !== 0 };

/** Path that a start unpacked, found by the prefix of its name. */
function unpacked({ cache }: Sandbox, kind: "deno" | "orchestratord"): string {
  return join(cache, namesIn(cache).find((name) => name.startsWith(`${kind}-`))!);
}

/** Runs the executable as the user `nobody`, who may read and execute everything there. */
async function runAsNobody({ dir, exe, cache }: Sandbox, arg: string) {
  await Deno.chmod(dir, 0o755);
  const { code, stderr } = await new Deno.Command("setpriv", {
    args: ["--reuid=65534", "--regid=65534", "--clear-groups", exe, arg],
    env: { LLORCH_RUNTIME_DIR: cache },
    stdout: "null",
  }).output();
  return { code, err: new TextDecoder().decode(stderr) };
}

Deno.test(
  "--verify-runtime finds a file that was changed, and one with a wrong mode",
  unix,
  async () => {
    await withPortable(async (sandbox) => {
      const { run } = sandbox;
      assert.equal((await run(["--verify-runtime"])).code, 1);
      await run();
      const fine = await run(["--verify-runtime"]);
      assert.equal(fine.code, 0, fine.err);
      const deno = join(unpacked(sandbox, "deno"), "deno");
      for (const mode of [0o644, 0o777]) {
        await Deno.chmod(deno, mode);
        assert.match((await run(["--verify-runtime"])).err, /differs from what this file contains/);
      }
      await Deno.chmod(deno, 0o755);
      await Deno.writeTextFile(join(unpacked(sandbox, "orchestratord"), "main.js"), "evil()");
      const changed = await run(["--verify-runtime"]);
      assert.equal(changed.code, 1);
      assert.match(changed.err, /differs from what this file contains: remove it/);
    });
  },
);

Deno.test(
  "--verify-runtime only reads: another user may run it, and it leaves nothing",
  asRoot,
  async () => {
    await withPortable(async (sandbox) => {
      await sandbox.run();
      const before = namesIn(sandbox.cache);
      const { code, err } = await runAsNobody(sandbox, "--verify-runtime");
      assert.equal(code, 0, err);
      assert.deepEqual(namesIn(sandbox.cache), before);
    });
  },
);

Deno.test("--clean-runtime fails without permission to remove", asRoot, async () => {
  await withPortable(async (sandbox) => {
    await sandbox.run();
    await Deno.mkdir(join(sandbox.cache, "deno-1.0.0-x"));
    const { code, err } = await runAsNobody(sandbox, "--clean-runtime");
    assert.equal(code, 1);
    assert.match(
      err,
      /^orchestratord: Cannot remove .*deno-1\.0\.0-x: run this as the one who owns/m,
    );
  });
});

Deno.test("the launcher's own options take no arguments", unix, async () => {
  await withPortable(async ({ run }) => {
    for (const option of ["--verify-runtime", "--clean-runtime"]) {
      const { code, err } = await run([option, "x"]);
      assert.equal(code, 2);
      assert.equal(err, `orchestratord: ${option} takes no arguments: x\n`);
    }
  });
});

Deno.test("a first start prints nothing of its own, also as a service", unix, async () => {
  await withPortable(async ({ dir, exe, run }) => {
    // The data after the runtime is larger than the buffer of a pipe.
    const much = randomBytes(500_000).toString("hex");
    await Deno.mkdir(join(dir, "work2"));
    await writeExecutable(join(dir, "work2"), exe, `// ${much}`);
    // systemd starts services with SIGPIPE ignored.
    const start = join(dir, "start");
    await Deno.writeTextFile(start, `#!/bin/sh\ntrap '' PIPE\nexec ${exe}\n`, { mode: 0o755 });
    const { code, err } = await run([], {}, start);
    assert.equal(code, 42);
    assert.equal(err, "");
  });
});

Deno.test(
  "a start does not touch what another start with the same process id unpacks",
  asRoot,
  async () => {
    await withPortable(async (sandbox) => {
      const { cache, exe, run } = sandbox;
      await run();
      const deno = unpacked(sandbox, "deno");
      await Deno.remove(deno, { recursive: true });
      // Another container that shares the folder can have a process 1 too.
      const others = ["1", "1.0"].map((id) => join(cache, `.${basename(deno)}.${id}`));
      for (const other of others) {
        await Deno.mkdir(other);
        await Deno.writeTextFile(join(other, "theirs"), "");
      }
      const { code } = await new Deno.Command("unshare", {
        args: ["--pid", "--fork", exe],
        env: { LLORCH_RUNTIME_DIR: cache },
        stdout: "null",
      }).output();
      assert.equal(code, 42);
      for (const other of others) assert.deepEqual(namesIn(other), ["theirs"]);
      assert.equal((await run(["--verify-runtime"])).code, 0);
    });
  },
);

Deno.test("a runtime without its program is unpacked again", unix, async () => {
  await withPortable(async (sandbox) => {
    const { cache, run } = sandbox;
    await run();
    await Deno.remove(join(unpacked(sandbox, "deno"), "deno"));
    await Deno.remove(join(unpacked(sandbox, "orchestratord"), "main.js"));
    const { code, err } = await run();
    assert.equal(code, 42, err);
    assert.equal(namesIn(cache).length, 2);
    assert.equal((await run(["--verify-runtime"])).code, 0);
  });
});

Deno.test("a runtime that may not be executed is reported, with what to do", unix, async () => {
  await withPortable(async (sandbox) => {
    await sandbox.run();
    await Deno.chmod(join(unpacked(sandbox, "deno"), "deno"), 0o644);
    const { code, err } = await sandbox.run();
    assert.equal(code, 1);
    assert.match(
      err,
      /^orchestratord: Cannot execute .*noexec, set LLORCH_RUNTIME_DIR to another folder\n$/,
    );
  });
});

Deno.test("a missing tool is named", unix, async () => {
  await withPortable(async ({ dir, run }) => {
    await Deno.mkdir(join(dir, "tools"));
    for (const tool of ["mkdir", "mv", "rm", "tail", "head", "cut", "tar", "sha256sum"]) {
      const script = `#!/bin/sh\nPATH=/usr/bin:/bin exec ${tool} "$@"\n`;
      await Deno.writeTextFile(join(dir, "tools", tool), script, { mode: 0o755 });
    }
    const { code, err } = await run([], { PATH: join(dir, "tools") });
    assert.equal(code, 1);
    assert.equal(err, "orchestratord: Cannot continue without gzip: install it\n");
  });
});

Deno.test(
  "a signal while it unpacks ends the start and removes what was unpacked",
  unix,
  async () => {
    await withPortable(async ({ dir, exe, cache }) => {
      await Deno.mkdir(join(dir, "tools"));
      // Stops unpacking until a line is written to the pipe.
      const slow =
        `#!/bin/sh\necho > ${dir}/began\nread line < ${dir}/go\nexec /usr/bin/env PATH=/usr/bin:/bin gzip "$@"\n`;
      await Deno.writeTextFile(join(dir, "tools/gzip"), slow, { mode: 0o755 });
      await new Deno.Command("mkfifo", { args: [join(dir, "go")] }).output();
      const child = new Deno.Command(exe, {
        env: { PATH: `${join(dir, "tools")}:/usr/bin:/bin`, HOME: join(dir, "home") },
        stdout: "null",
        stderr: "null",
      }).spawn();
      const exists = (path: string) => {
        try {
          return Deno.statSync(path).isFile;
        } catch {
          return false;
        }
      };
      await until("it unpacks", () => exists(join(dir, "began")));
      child.kill("SIGTERM");
      await Deno.writeTextFile(join(dir, "go"), "\n");
      assert.equal((await child.status).code, 143);
      assert.deepEqual(namesIn(cache), []);
    });
  },
);
