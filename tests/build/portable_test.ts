import assert from "node:assert/strict";
import { join } from "node:path";
import { packDeno, writePortable } from "../../tools/build/portable.ts";
import { TARGETS } from "../../tools/build/targets.ts";
import { readLines } from "#shared/lines.ts";
import { isAlive, until } from "../support/stack.ts";

/** Stands in for deno, so that the launcher's own work shows: says how it was called. */
const FAKE_DENO = `#!/bin/sh
case \${SLEEP:-} in '') ;; *) trap 'exit 7' TERM; echo $$; while :; do sleep 0.05; done ;; esac
echo "exe=$LLORCH_EXECUTABLE dir=$DENO_DIR"
for arg; do echo "[$arg]"; done
exit 42
`;

const artifact = { executable: "orchestratord", file: "orchestratord" } as const;

interface Sandbox {
  readonly dir: string;
  readonly exe: string;
  run(
    args?: readonly string[],
    env?: Record<string, string>,
    exe?: string,
  ): Promise<{ code: number; out: string; err: string }>;
}

/** Runs a test with a portable executable that carries the fake, and an empty home. */
async function withPortable(test: (sandbox: Sandbox) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir({ prefix: "llorch-test-" });
  try {
    for (const folder of ["work", "bin", "home"]) await Deno.mkdir(join(dir, folder));
    const exe = join(dir, "bin", "orchestratord");
    await writeExecutable(join(dir, "work"), exe, "console.log(1)");
    await test({
      dir,
      exe,
      async run(args = [], env = {}, path = exe) {
        const { code, stdout, stderr } = await new Deno.Command(path, {
          args: [...args],
          clearEnv: true,
          env: { PATH: "/usr/bin:/bin", HOME: join(dir, "home"), ...env },
        }).output();
        const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
        return { code, out: text(stdout), err: text(stderr) };
      },
    });
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

function namesIn(dir: string): string[] {
  return [...Deno.readDirSync(dir)].map(({ name }) => name).sort();
}

async function writeExecutable(work: string, path: string, program: string): Promise<void> {
  const commit = { commit: "1a2b3c4", date: "2026-11-24", epoch: 1_790_000_000 };
  const deno = join(work, "fake-deno");
  await Deno.writeTextFile(deno, FAKE_DENO);
  const app = join(work, "app");
  await Deno.mkdir(app);
  await Deno.writeTextFile(join(app, "main.js"), program);
  await Deno.writeTextFile(join(app, "deno.json"), "{}");
  const packed = await packDeno(deno, work, commit);
  await writePortable(artifact, TARGETS[0]!, commit, app, packed, path);
}

const unix = { ignore: Deno.build.os === "windows" };

Deno.test("a portable executable hands on arguments, path and exit code", unix, async () => {
  await withPortable(async ({ dir, exe, run }) => {
    const cache = join(dir, "home/.cache/llorch/runtime");
    const { code, out, err } = await run(["--a b", "", "$(x)"]);
    assert.equal(code, 42, err);
    const lines = out.trimEnd().split("\n");
    assert.equal(lines[0], `exe=${exe} dir=${cache}/cache`);
    assert.deepEqual(lines.slice(-3), ["[--a b]", "[]", "[$(x)]"]);
    assert.ok(lines.includes("[-P=orchestratord]") && lines.includes("[--no-prompt]"), out);
    // Through a link, it is the file itself: its siblings stand beside that one.
    await Deno.symlink(exe, join(dir, "link"));
    assert.ok((await run([], {}, join(dir, "link"))).out.startsWith(`exe=${exe} `));
  });
});

Deno.test(
  "a portable executable is replaced by its program, so that signals reach it",
  unix,
  async () => {
    await withPortable(async ({ exe, dir }) => {
      const child = new Deno.Command(exe, {
        env: { SLEEP: "1", HOME: join(dir, "home") },
        stdout: "piped",
      }).spawn();
      const lines = readLines(child.stdout);
      assert.equal(Number((await lines.next()).value), child.pid);
      child.kill("SIGTERM");
      assert.equal((await child.status).code, 7);
      await lines.return(undefined);
      await until("it is gone", () => !isAlive(child.pid));
    });
  },
);

Deno.test("many first starts at once leave one whole runtime", unix, async () => {
  await withPortable(async ({ dir, run }) => {
    const runs = await Promise.all(Array.from({ length: 12 }, () => run()));
    for (const { code, err } of runs) assert.equal(code, 42, err);
    const cache = join(dir, "home/.cache/llorch/runtime");
    const left = namesIn(cache);
    assert.equal(left.length, 2, left.join(" "));
    for (const name of left) {
      assert.ok(namesIn(join(cache, name)).every((inside) => !inside.startsWith(".")), name);
    }
  });
});

Deno.test(
  "a portable executable unpacks where it is told, and from a read-only folder",
  unix,
  async () => {
    await withPortable(async ({ dir, run }) => {
      await Deno.chmod(join(dir, "bin"), 0o555);
      const isUsed = (path: string) => Deno.statSync(join(dir, path)).isDirectory;
      await run([], { XDG_CACHE_HOME: join(dir, "xdg") });
      assert.ok(isUsed("xdg/llorch/runtime"));
      await run([], { XDG_CACHE_HOME: join(dir, "xdg"), LLORCH_RUNTIME_DIR: join(dir, "own dir") });
      assert.ok(isUsed("own dir"));
      const { code, err } = await run([], { HOME: "" });
      assert.equal(code, 1);
      assert.match(
        err,
        /^orchestratord: Cannot tell where .* set LLORCH_RUNTIME_DIR to a folder\n$/,
      );
      await Deno.chmod(join(dir, "bin"), 0o755);
    });
  },
);

Deno.test("a damaged executable unpacks nothing and says so", unix, async () => {
  await withPortable(async ({ dir, exe, run }) => {
    const bytes = await Deno.readFile(exe);
    bytes[bytes.length - 20]! ^= 1;
    await Deno.writeFile(exe, bytes);
    const { code, err } = await run();
    assert.equal(code, 1);
    assert.match(err, /^orchestratord: Cannot unpack the runtime: .*orchestratord is damaged/);
    const left = namesIn(join(dir, "home/.cache/llorch/runtime"));
    assert.deepEqual(left.map((name) => name.split("-")[0]), ["deno"]);
  });
});

Deno.test("--verify-runtime finds a file that was changed", unix, async () => {
  await withPortable(async ({ dir, run }) => {
    assert.equal((await run(["--verify-runtime"])).code, 1);
    await run();
    const fine = await run(["--verify-runtime"]);
    assert.equal(fine.code, 0, fine.err);
    const cache = join(dir, "home/.cache/llorch/runtime");
    const app = namesIn(cache).find((name) => name.startsWith("orchestratord"))!;
    await Deno.writeTextFile(join(cache, app, "main.js"), "evil()");
    const changed = await run(["--verify-runtime"]);
    assert.equal(changed.code, 1);
    assert.match(changed.err, /is not what this file carries: remove it/);
  });
});

Deno.test(
  "--clean-runtime removes other versions and what killed starts left, not its own",
  unix,
  async () => {
    await withPortable(async ({ dir, exe, run }) => {
      await run();
      const cache = join(dir, "home/.cache/llorch/runtime");
      const names = () => namesIn(cache);
      const before = names();
      // Another build of the same program, its aside folder of a dead process, and another program.
      await Deno.mkdir(join(dir, "work2"));
      await writeExecutable(join(dir, "work2"), exe, "console.log(2)");
      await run();
      assert.equal(names().length, 3);
      await Deno.mkdir(join(cache, ".deno-2.9.6-x.4194305"));
      await Deno.mkdir(join(cache, "llorch-0.1.0-x86_64-unknown-linux-gnu-x"));
      const { code, out } = await run(["--clean-runtime"]);
      assert.equal(code, 0);
      assert.equal(out.trimEnd().split("\n").length, 2, out);
      const after = names();
      assert.equal(after.length, 3, after.join(" "));
      assert.ok(after.includes("llorch-0.1.0-x86_64-unknown-linux-gnu-x"));
      assert.ok(!after.includes(before.find((name) => name.startsWith("orchestratord"))!));
      assert.equal((await run(["--verify-runtime"])).code, 0);
    });
  },
);
