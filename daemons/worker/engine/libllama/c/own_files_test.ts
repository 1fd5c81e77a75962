import assert from "node:assert/strict";
import { join } from "node:path";
import { ownerProblem, problemAbove, strangerAbove, strangerWho } from "./own_files.ts";

/** A user with a group of their own, as most systems have it. */
const ME = 1000;

Deno.test("files of the user and of root are safe unless others may write", () => {
  const safe: readonly [uid: number, gid: number, mode: number][] = [
    [ME, ME, 0o100644],
    [0, 0, 0o100755],
    [ME, 100, 0o100640],
    // A umask of 002 in a checkout.
    [ME, ME, 0o100664],
    [0, 0, 0o040775],
  ];
  for (const [uid, gid, mode] of safe) {
    assert.equal(strangerWho({ uid, gid, mode }, ME), undefined, `${uid}:${gid} ${mode}`);
  }
});

Deno.test("files are not safe that another user, a shared group or everyone may change", () => {
  const unsafe: readonly [uid: number, gid: number, mode: number, reason: string][] = [
    [1001, ME, 0o100644, "it belongs to user 1001, not to 1000 or root"],
    [ME, ME, 0o100646, "everyone may change it"],
    [0, 0, 0o041777, "everyone may change it"],
    [ME, 100, 0o100664, "group 100 may change it"],
    [0, 20, 0o100664, "group 20 may change it"],
  ];
  for (const [uid, gid, mode, reason] of unsafe) {
    assert.equal(strangerWho({ uid, gid, mode }, ME), reason);
  }
});

Deno.test("a folder above is safe as a file is, and where only its owner may replace an entry", () => {
  const safe: readonly [uid: number, gid: number, mode: number][] = [
    [0, 0, 0o040755],
    [ME, ME, 0o040775],
    // As /tmp is.
    [0, 0, 0o041777],
    [0, 100, 0o041775],
    // Of a root outside the user namespace.
    [65_534, 65_534, 0o040755],
  ];
  for (const [uid, gid, mode] of safe) {
    assert.equal(strangerAbove({ uid, gid, mode }, ME), undefined, `${uid}:${gid} ${mode}`);
  }
  const unsafe: readonly [uid: number, gid: number, mode: number][] = [
    [0, 0, 0o040777],
    [0, 100, 0o040775],
    [1001, 1001, 0o040755],
    [1001, 1001, 0o041777],
    [65_534, 65_534, 0o041777],
  ];
  for (const [uid, gid, mode] of unsafe) {
    assert.notEqual(strangerAbove({ uid, gid, mode }, ME), undefined, `${uid}:${gid} ${mode}`);
  }
  const admins = { uid: 0, gid: 80, mode: 0o040775 };
  assert.equal(strangerAbove(admins, ME, "darwin"), undefined);
  assert.equal(strangerAbove(admins, ME, "linux"), "group 80 may change it");
});

Deno.test({
  name: "problemAbove() names a folder above that others may change, also behind a link",
  ignore: Deno.build.os === "windows",
}, async () => {
  const top = await Deno.makeTempDir({ prefix: "llorch-own-" });
  try {
    const [open, folder, link] = [join(top, "open"), join(top, "open/in/it"), join(top, "link")];
    await Deno.mkdir(folder, { recursive: true });
    await Deno.symlink(folder, link);
    assert.equal(problemAbove(folder), undefined);
    await Deno.chmod(open, 0o777);
    for (const path of [folder, link]) {
      assert.equal(
        problemAbove(path),
        `the folder is not safe to open, since it is in ${open}: everyone may change it; ` +
          `chmod go-w ${open}`,
      );
    }
    await Deno.chmod(open, 0o1777);
    assert.equal(problemAbove(folder), undefined);
  } finally {
    await Deno.remove(top, { recursive: true });
  }
});

Deno.test("a system without owners has no rule", () => {
  assert.equal(strangerWho({ uid: null, gid: null, mode: null }, ME), undefined);
  assert.equal(ownerProblem("/nowhere", ["file"], null), undefined);
});

Deno.test({
  name: "ownerProblem() names the folder or the file, and the command that helps",
  ignore: Deno.build.os === "windows",
}, async () => {
  const folder = await Deno.makeTempDir({ prefix: "llorch-own-" });
  try {
    const file = "fallback/libggml-cuda.so";
    await Deno.mkdir(join(folder, "fallback"));
    await Deno.writeTextFile(join(folder, file), "");
    assert.equal(ownerProblem(folder, [file]), undefined);

    const places = [[folder, "the folder"], [join(folder, "fallback"), "fallback"], [
      join(folder, file),
      file,
    ]] as const;
    for (const [path, name] of places) {
      const { mode } = await Deno.stat(path);
      await Deno.chmod(path, 0o777);
      assert.equal(
        ownerProblem(folder, [file]),
        `${name} is not safe to open, since everyone may change it; chmod go-w ${path}`,
      );
      await Deno.chmod(path, mode! & 0o777);
    }
    const another = Deno.uid()! + 1;
    const expected = Deno.uid() === 0 ? undefined : new RegExp(`chown ${another} `);
    const found = ownerProblem(folder, [file], another);
    if (expected) assert.match(found ?? "", expected);
    else assert.equal(found, undefined);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
