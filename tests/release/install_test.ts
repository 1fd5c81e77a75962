import assert from "node:assert/strict";
import { join } from "node:path";
import { textFile, writeFiles } from "../../tools/package/files.ts";
import { digestOf } from "../../tools/build/archive.ts";
import { ROOT } from "../support/stack.ts";

/** An archive as it is unpacked, with a program that says its version. */
async function unpacked(root: string, version: string, files: string[]): Promise<void> {
  await Deno.remove(root, { recursive: true }).catch(() => {});
  await writeFiles(root, [
    ...files.map((path) => textFile(`/${path}`, `#!/bin/sh\necho ${version}\n`)),
    textFile("/etc/llorch/orchestrator.toml", `# of ${version}\n`),
    {
      ...textFile("/lib/systemd/system/x.service", "ExecStart=/usr/bin/x -c /etc/llorch/x\n"),
    },
  ]);
  await Deno.symlink("llorch", join(root, "bin/link"));
  const installer = await Deno.readTextFile(join(ROOT, "deploy/install/install.sh"));
  await writeFiles(root, [{ ...textFile("/install.sh", installer), mode: 0o755 }]);
  const listed = [...files, "etc/llorch/orchestrator.toml", "lib/systemd/system/x.service"];
  const sums = await Promise.all(
    listed.map(async (path) => `${(await digestOf(join(root, path))).sha256}  ${path}\n`),
  );
  await writeFiles(root, [textFile("/SHA256SUMS", sums.join(""))]);
}

function treeOf(dir: string, below = ""): string[] {
  return [...Deno.readDirSync(join(dir, below))].flatMap(({ name, isDirectory }) => {
    const path = join(below, name);
    return isDirectory ? treeOf(dir, path) : [path];
  }).sort();
}

interface Sandbox {
  readonly archive: string;
  readonly prefix: string;
  install(...args: string[]): Promise<{ code: number; out: string; err: string }>;
}

async function withArchive(test: (sandbox: Sandbox) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir({ prefix: "llorch-test-" });
  const archive = join(dir, "a b");
  const prefix = join(dir, "pre fix");
  try {
    await unpacked(archive, "1", ["bin/llorch", "share/doc/llorch/OLD"]);
    await test({
      archive,
      prefix,
      async install(...args) {
        const { code, stdout, stderr } = await new Deno.Command(join(archive, "install.sh"), {
          args: ["--prefix", prefix, ...args],
          cwd: dir,
        }).output();
        const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
        return { code, out: text(stdout), err: text(stderr) };
      },
    });
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

const unix = { ignore: Deno.build.os === "windows" };

Deno.test(
  "install.sh installs, brings up to date, keeps what was changed, and uninstalls",
  unix,
  async () => {
    await withArchive(async ({ archive, prefix, install }) => {
      const first = await install();
      assert.equal(first.code, 0, first.err);
      const config = join(prefix, "etc/llorch/orchestrator.toml");
      assert.equal(await Deno.readLink(join(prefix, "bin/link")), "llorch");
      assert.equal((await Deno.stat(join(prefix, "bin/llorch"))).mode! & 0o777, 0o755);
      assert.equal(
        await Deno.readTextFile(join(prefix, "lib/systemd/system/x.service")),
        `ExecStart=${prefix}/bin/x -c ${prefix}/etc/llorch/x\n`,
      );
      assert.equal((await install()).out.includes("kept"), false);

      await Deno.writeTextFile(config, "# mine\n");
      await unpacked(archive, "2", ["bin/llorch", "bin/more"]);
      const second = await install();
      assert.match(second.out, /^kept .*orchestrator\.toml; the new one is .*\.toml\.example$/m);
      assert.equal(await Deno.readTextFile(config), "# mine\n");
      assert.deepEqual(treeOf(prefix), [
        "bin/link",
        "bin/llorch",
        "bin/more",
        "etc/llorch/orchestrator.toml",
        "etc/llorch/orchestrator.toml.example",
        "lib/systemd/system/x.service",
        "share/llorch/installed-files",
      ]);
      const said = await new Deno.Command(join(prefix, "bin/llorch")).output();
      assert.equal(new TextDecoder().decode(said.stdout), "2\n");

      assert.equal((await install("--uninstall")).code, 0);
      assert.deepEqual(treeOf(prefix), [
        "etc/llorch/orchestrator.toml",
        "etc/llorch/orchestrator.toml.example",
      ]);
      const again = await install("--uninstall");
      assert.equal(again.code, 1);
      assert.match(again.err, /Nothing of llorch is installed in .*pre fix/);
    });
  },
);

Deno.test("install.sh --dry-run changes nothing and says what it would do", unix, async () => {
  await withArchive(async ({ prefix, install }) => {
    const { code, out } = await install("--dry-run");
    assert.equal(code, 0);
    assert.match(out, /^would: write .*bin\/llorch$/m);
    assert.throws(() => Deno.statSync(prefix));
  });
});

Deno.test("install.sh refuses a damaged archive and unknown words", unix, async () => {
  await withArchive(async ({ archive, prefix, install }) => {
    const unknown = await install("--fast");
    assert.equal(unknown.code, 2);
    assert.match(unknown.err, /Unknown option --fast/);
    await Deno.writeTextFile(join(archive, "bin/llorch"), "cut");
    const damaged = await install();
    assert.equal(damaged.code, 1);
    assert.match(damaged.err, /missing or damaged: unpack the archive again/);
    assert.throws(() => Deno.statSync(join(prefix, "bin")));
  });
});
