import assert from "node:assert/strict";
import { join } from "node:path";
import { YOUNG_HEAP_FLAG } from "#shared/for_llama.ts";
import { readLines } from "#shared/lines.ts";
import { namesIn, withPortable, writeExecutable } from "../support/portable.ts";
import { isAlive, until } from "../support/stack.ts";

const unix = { ignore: Deno.build.os === "windows" };

Deno.test("a portable executable passes on arguments, path and exit code", unix, async () => {
  await withPortable(async ({ dir, exe, run }) => {
    const cache = join(dir, "home/.cache/llorch/runtime");
    const { code, out, err } = await run(["--a b", "", "$(x)"]);
    assert.equal(code, 42, err);
    const lines = out.trimEnd().split("\n");
    assert.equal(lines[0], `exe=${exe} dir=${cache}/cache`);
    assert.deepEqual(lines.slice(-3), ["[--a b]", "[]", "[$(x)]"]);
    assert.ok(lines.includes("[-P=orchestratord]") && lines.includes("[--no-prompt]"), out);
    // Through a link, the path is that of the file itself: its siblings are in that folder.
    await Deno.symlink(exe, join(dir, "link"));
    assert.ok((await run([], {}, join(dir, "link"))).out.startsWith(`exe=${exe} `));
  });
});

Deno.test("a portable worker has a bounded heap, also where a person starts it", unix, async () => {
  await withPortable(async ({ dir, run }) => {
    const worker = join(dir, "bin", "llorch-candled-cpu");
    await Deno.mkdir(join(dir, "work2"));
    await writeExecutable(join(dir, "work2"), worker, "console.log(1)", {
      ...{ executable: "llorch-candled", file: "llorch-candled-cpu", backend: "cpu" },
    });
    const flags = async (env: Record<string, string>, exe?: string) =>
      /^v8=(.*)$/m.exec((await run([], env, exe)).out)?.[1];
    assert.equal(await flags({}, worker), YOUNG_HEAP_FLAG);
    assert.equal(await flags({ DENO_V8_FLAGS: "--expose-gc" }, worker), "--expose-gc");
    assert.equal(await flags({}), "", "orchestratord's is not bounded");
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
      await until("the process has ended", () => !isAlive(child.pid));
    });
  },
);

Deno.test("many first starts at once leave one complete runtime", unix, async () => {
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
  "a portable executable unpacks into the configured folder, and runs from a read-only one",
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

Deno.test(
  "--clean-runtime removes other versions and the remains of killed starts, not its own runtime",
  unix,
  async () => {
    await withPortable(async ({ dir, exe, run }) => {
      await run();
      const cache = join(dir, "home/.cache/llorch/runtime");
      const names = () => namesIn(cache);
      const before = names();
      // Another build of the same program, the remains of a killed start, and another program.
      await Deno.mkdir(join(dir, "work2"));
      await writeExecutable(join(dir, "work2"), exe, "console.log(2)");
      await run();
      assert.equal(names().length, 3);
      const killed = join(cache, ".deno-2.9.6-x.4194305.0");
      await Deno.mkdir(killed);
      await Deno.utime(killed, 1_790_000_000, 1_790_000_000);
      // A start that is unpacking right now, in a container with its own process ids.
      const underWay = ".deno-2.9.6-x.4194306.0";
      await Deno.mkdir(join(cache, underWay));
      await Deno.mkdir(join(cache, "llorch-0.1.0-x86_64-unknown-linux-gnu-x"));
      const { code, out } = await run(["--clean-runtime"]);
      assert.equal(code, 0);
      assert.equal(out.trimEnd().split("\n").length, 2, out);
      const after = names();
      assert.equal(after.length, 4, after.join(" "));
      assert.ok(after.includes(underWay));
      assert.ok(after.includes("llorch-0.1.0-x86_64-unknown-linux-gnu-x"));
      assert.ok(!after.includes(before.find((name) => name.startsWith("orchestratord"))!));
      assert.equal((await run(["--verify-runtime"])).code, 0);
    });
  },
);
