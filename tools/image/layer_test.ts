import assert from "node:assert/strict";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { readTar } from "./debian/deb.ts";
import { copyEntry, type Entry, folderEntry, inOrder, linkEntry, textEntry } from "./entries.ts";
import { writeLayer } from "./layer.ts";

const LONG = `usr/${"long/".repeat(60)}name`;

Deno.test("a layer depends on its entries alone: not on their order, nor on times and modes here", async () => {
  const dir = await Deno.makeTempDir({ prefix: "llorch-test-" });
  try {
    const file = join(dir, "file");
    const blobs = join(dir, "blobs");
    await Deno.mkdir(blobs);
    const entries = (): Entry[] => [
      copyEntry("usr/bin/tool", file, 0o755),
      linkEntry("usr/bin/link", "tool"),
      folderEntry("var/lib/llorch", 0o700, 65534),
      textEntry(LONG, "deep"),
      textEntry("usr/Ünïcode", ""),
    ];
    await Deno.writeTextFile(file, "content");
    const first = await writeLayer(blobs, entries(), "x");
    await Deno.chmod(file, 0o600);
    await Deno.utime(file, 1_000_000_000, 1_000_000_000);
    const second = await writeLayer(blobs, entries().reverse(), "x");
    assert.deepEqual(second, first);
    const packed = await Deno.readFile(join(blobs, first.descriptor.digest.slice(7)));
    assert.equal(packed.length, first.descriptor.size);
    const read = await readTar(gunzipSync(packed));
    const byPath = new Map(read.map((entry) => [entry.path, entry]));
    assert.equal(byPath.get("usr/bin/tool")?.mode, 0o755);
    assert.deepEqual(byPath.get("var/lib/llorch"), {
      ...{ path: "var/lib/llorch", mode: 0o700, owner: 65534, kind: "folder" },
    });
    assert.equal(byPath.get(LONG)?.kind, "file");
    assert.equal(byPath.get("usr/Ünïcode")?.kind, "file");
    assert.equal(byPath.get("usr/bin")?.kind, "folder");
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("inOrder() keeps the last of two entries with a path, after its folders", () => {
  const paths = inOrder([textEntry("a/b", "1"), textEntry("a/b", "2"), folderEntry("a", 0o700)]);
  assert.deepEqual(paths.map(({ path, mode }) => [path, mode]), [["a", 0o700], ["a/b", 0o644]]);
  assert.throws(
    () => inOrder([textEntry("a", ""), folderEntry("a")]),
    /Cannot put a into a layer as a file and a folder/,
  );
});
