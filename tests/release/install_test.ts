import assert from "node:assert/strict";
import { join } from "node:path";
import { textFile, writeFiles } from "../../tools/package/files.ts";
import { digestOf } from "../../tools/build/archive.ts";
import { namesIn } from "../support/portable.ts";
import { ROOT } from "../support/stack.ts";

const UNIT = `ExecStart=/usr/bin/x --config=/etc/llorch/x.toml
LoadCredential=token:/etc/llorch/token
`;

const PLIST = `<string>/usr/local/bin/x</string>
<string>--config=/usr/local/etc/llorch/x.toml</string>
<string>/usr/local/bin:/usr/bin:/bin</string>
`;

/** Services are installed only for root. */
const isRoot = Deno.build.os !== "windows" && Deno.uid() === 0;
const SERVICES = isRoot ? ["lib/systemd/system/x.service"] : [];

/** Writes an unpacked archive, with a program that prints its version. */
async function unpacked(root: string, version: string, files: string[]): Promise<void> {
  await Deno.remove(root, { recursive: true }).catch(() => {});
  await writeFiles(root, [
    ...files.map((path) => textFile(`/${path}`, `#!/bin/sh\necho ${version}\n`)),
    textFile("/etc/llorch/orchestrator.toml", `# of ${version}\n`),
    textFile("/lib/systemd/system/x.service", UNIT),
    textFile("/share/llorch/x.plist", PLIST),
  ]);
  await Deno.symlink("llorch", join(root, "bin/link"));
  const installer = await Deno.readTextFile(join(ROOT, "deploy/install/install.sh"));
  await writeFiles(root, [{ ...textFile("/install.sh", installer), mode: 0o755 }]);
  const listed = [
    ...files,
    ...["etc/llorch/orchestrator.toml", "lib/systemd/system/x.service", "share/llorch/x.plist"],
  ];
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
  readonly dir: string;
  install(...args: string[]): Promise<{ code: number; out: string; err: string }>;
}

async function withArchive(
  test: (sandbox: Sandbox) => Promise<void>,
  name = "pre fix",
): Promise<void> {
  const dir = await Deno.makeTempDir({ prefix: "llorch-test-" });
  const archive = join(dir, "a b");
  const prefix = join(dir, name);
  try {
    await unpacked(archive, "1", ["bin/llorch", "share/doc/llorch/OLD"]);
    await test({
      archive,
      prefix,
      dir,
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
  "install.sh installs, updates, keeps changed files, and uninstalls",
  unix,
  async () => {
    await withArchive(async ({ archive, prefix, install }) => {
      const first = await install();
      assert.equal(first.code, 0, first.err);
      const config = join(prefix, "etc/llorch/orchestrator.toml");
      assert.equal(await Deno.readLink(join(prefix, "bin/link")), "llorch");
      assert.equal((await Deno.stat(join(prefix, "bin/llorch"))).mode! & 0o777, 0o755);
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
        ...SERVICES,
        "share/llorch/installed-files",
        "share/llorch/installed-folders",
        "share/llorch/shipped-settings",
        "share/llorch/x.plist",
      ]);
      const printed = await new Deno.Command(join(prefix, "bin/llorch")).output();
      assert.equal(new TextDecoder().decode(printed.stdout), "2\n");

      assert.equal((await install("--uninstall")).code, 0);
      assert.deepEqual(treeOf(prefix), ["etc/llorch/orchestrator.toml"]);
      const again = await install("--uninstall");
      assert.equal(again.code, 1);
      assert.match(again.err, /Nothing of llorch is installed in .*pre fix/);
    });
  },
);

Deno.test("install.sh --dry-run changes nothing and prints what it would do", unix, async () => {
  await withArchive(async ({ prefix, install }) => {
    const { code, out } = await install("--dry-run");
    assert.equal(code, 0);
    assert.match(out, /^would: write .*bin\/llorch$/m);
    assert.throws(() => Deno.statSync(prefix));
  });
});

Deno.test("install.sh refuses a damaged archive and unknown arguments", unix, async () => {
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

/** The unit and the property list that are installed for a prefix. */
async function fitted(prefix: string): Promise<{ unit: string; plist: string }> {
  return {
    unit: isRoot ? await Deno.readTextFile(join(prefix, SERVICES[0]!)) : "",
    plist: await Deno.readTextFile(join(prefix, "share/llorch/x.plist")),
  };
}

for (const name of ["a b", "usr/local", "x&y|z", "etc/llorch/usr/bin"]) {
  Deno.test(`services have correct paths below a prefix like ${name}`, unix, async () => {
    await withArchive(async ({ prefix, install }) => {
      assert.equal((await install()).code, 0);
      const { unit, plist } = await fitted(prefix);
      if (isRoot) {
        assert.equal(
          unit,
          `ExecStart="${prefix}/bin/x" "--config=${prefix}/etc/llorch/x.toml"\n` +
            `LoadCredential=token:${prefix}/etc/llorch/token\n`,
        );
      }
      const xml = prefix.replaceAll("&", "&amp;");
      assert.equal(
        plist,
        `<string>${xml}/bin/x</string>\n<string>--config=${xml}/etc/llorch/x.toml</string>\n` +
          `<string>${xml}/bin:/usr/bin:/bin</string>\n`,
      );
    }, name);
  });
}

Deno.test(
  "install.sh refuses a prefix that cannot be written in a service file, and an empty one",
  unix,
  async () => {
    await withArchive(async ({ dir, install }) => {
      for (const prefix of ["a%b", 'a"b', "a$b", "a\\b"]) {
        const { code, err } = await install("--prefix", join(dir, prefix));
        assert.equal(code, 2);
        assert.match(err, /^install\.sh: Cannot install into .*: choose a folder without/);
      }
      for (const empty of [["--prefix="], ["--prefix", ""]]) {
        const { code, err } = await install(...empty);
        assert.equal(code, 2);
        assert.equal(err, "install.sh: --prefix needs a folder\n");
      }
      assert.deepEqual(namesIn(dir), ["a b"]);
    });
  },
);

Deno.test("install.sh updates a settings file that nobody has changed", unix, async () => {
  await withArchive(async ({ archive, prefix, install }) => {
    await install();
    await unpacked(archive, "2", ["bin/llorch"]);
    assert.doesNotMatch((await install()).out, /kept/);
    const config = join(prefix, "etc/llorch/orchestrator.toml");
    assert.equal(await Deno.readTextFile(config), "# of 2\n");
    assert.ok(!treeOf(prefix).some((file) => file.endsWith(".example")));
  });
});

Deno.test(
  "install.sh --uninstall leaves folders that existed before, and reports only what it did",
  unix,
  async () => {
    await withArchive(async ({ prefix, install }) => {
      await Deno.mkdir(join(prefix, "bin"), { recursive: true });
      await Deno.mkdir(join(prefix, "lib"));
      await install();
      const dry = await install("--uninstall", "--dry-run");
      assert.match(dry.out, /^would: rm -f .*bin\/llorch$/m);
      assert.doesNotMatch(dry.out, /^removed/m);
      assert.ok(treeOf(prefix).includes("bin/llorch"));
      assert.match((await install("--uninstall")).out, /^removed; settings in/);
      assert.deepEqual(namesIn(prefix), [
        ...["bin", "etc", "lib"],
      ]);
    });
  },
);

Deno.test(
  "install.sh installs for all users whatever the umask, and without HOME",
  unix,
  async () => {
    await withArchive(async ({ archive, dir, prefix }) => {
      // As a user whose default prefix is below HOME; root's is not.
      await Deno.chmod(dir, 0o777);
      const somebody = isRoot ? "setpriv --reuid=65534 --regid=65534 --clear-groups" : "env";
      const [command, ...options] = somebody.split(" ");
      const { code, stderr } = await new Deno.Command(command!, {
        args: [
          ...options,
          "sh",
          "-c",
          'umask 077; exec "$0" "$@"',
          join(archive, "install.sh"),
          "--prefix",
          prefix,
        ],
        clearEnv: true,
        env: { PATH: "/usr/bin:/bin" },
        cwd: dir,
      }).output();
      assert.equal(code, 0, new TextDecoder().decode(stderr));
      const modeOf = async (path: string) => (await Deno.stat(join(prefix, path))).mode! & 0o777;
      assert.equal(await modeOf("share/llorch"), 0o755);
      assert.equal(await modeOf("etc/llorch/orchestrator.toml"), 0o644);
      assert.equal(await modeOf("share/llorch/installed-files"), 0o644);
    });
  },
);
