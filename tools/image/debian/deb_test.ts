import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { gzipSync } from "node:zlib";
import { type Entry, folderEntry, linkEntry, textEntry } from "../entries.ts";
import { tarOf } from "../tar.ts";
import { baseEntries, copyrightOf, unpackPin } from "./base.ts";
import type { Pin } from "./pins.ts";

async function packed(entries: readonly Entry[]): Promise<Buffer> {
  return gzipSync(Buffer.concat(await Array.fromAsync(tarOf(entries))));
}

/** A package as dpkg-deb would make it. */
async function deb(control: string, entries: readonly Entry[]): Promise<Uint8Array> {
  const members: [string, Buffer][] = [
    ["debian-binary", Buffer.from("2.0\n")],
    ["control.tar.gz", await packed([textEntry("control", control)])],
    ["data.tar.gz", await packed(entries)],
  ];
  const parts = members.flatMap(([name, bytes]) => {
    const head = `${name.padEnd(16)}${"0".padEnd(12)}${"0".padEnd(6)}${"0".padEnd(6)}` +
      `${"100644".padEnd(8)}${String(bytes.length).padEnd(10)}\`\n`;
    return [Buffer.from(head), bytes, Buffer.from(bytes.length % 2 === 1 ? "\n" : "")];
  });
  return Buffer.concat([Buffer.from("!<arch>\n"), ...parts]);
}

const pin = (name: string): Pin => ({
  ...{ name, version: "1.0-1", architecture: "amd64", archive: "debian" },
  ...{ path: `pool/${name}.deb`, size: 1, sha256: "" },
});

Deno.test("the base has files, licences and facts of packages, and nothing that only people read", async () => {
  const first = await unpackPin(
    pin("one"),
    await deb("Package: one\nVersion: 1.0-1\n", [
      folderEntry("usr"),
      textEntry("usr/bin-one", "x", 0o755),
      textEntry("usr/share/doc/one/copyright", "Licence of one"),
      textEntry("usr/share/doc/one/changelog.gz", "long"),
      textEntry("usr/share/man/man1/one.1", "page"),
    ]),
  );
  const second = await unpackPin(
    pin("two"),
    await deb("Package: two\nVersion: 1.0-1\n", [linkEntry("usr/share/doc/two", "one")]),
  );
  const paths = baseEntries([first, second]).map(({ path }) => path);
  for (const path of ["usr/bin-one", "usr/share/doc/one/copyright", "var/lib/dpkg/status.d/two"]) {
    assert.ok(paths.includes(path), path);
  }
  assert.ok(!paths.some((path) => /changelog|man1/.test(path)), paths.join("\n"));
  assert.equal(copyrightOf("two", [first, second]), "Licence of one");
});

Deno.test("a package that is not the pinned one is refused, whatever its file is called", async () => {
  await assert.rejects(
    async () =>
      await unpackPin(
        pin("one"),
        await deb("Package: one\nVersion: 0.9-1\n", [folderEntry("usr")]),
      ),
    /Cannot use pool\/one\.deb as one 1\.0-1: it is one 0\.9-1/,
  );
  await assert.rejects(() => unpackPin(pin("one"), new Uint8Array(100)), /no ar/);
});
