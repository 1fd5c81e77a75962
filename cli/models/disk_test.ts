import assert from "node:assert/strict";
import { join } from "node:path";
import { checkSpace, diskError } from "./disk.ts";
import { writeManifest } from "./manifest_file.ts";

const message = (error: unknown) => (diskError("/m/x.gguf", error) as Error).message;

Deno.test("diskError() explains the system's error in one sentence", () => {
  const full = Object.assign(new Error("No space left on device (os error 28)"), {
    code: "ENOSPC",
  });
  assert.match(message(full), /^Cannot write \/m\/x\.gguf: the disk is full; make room/);
  assert.match(message(new Error("Read-only file system (os error 30)")), /is read-only; choose/);
  assert.match(message(new Deno.errors.PermissionDenied("no")), /you may not write there; choose/);
  assert.match(message(new Deno.errors.NotADirectory("no")), /something else is in its place/);
  assert.match(
    message(new Deno.errors.NotCapable('Requires all access to "/proc/x", run … --allow-all')),
    /^Cannot write \/m\/x\.gguf: llorch cannot use files below \/dev, \/proc and \/sys; choose/,
  );
  const mistake = new TypeError("a mistake of ours");
  assert.equal(diskError("/m", mistake), mistake);
});

Deno.test("checkSpace() refuses a file that does not fit before anything is fetched", async () => {
  await checkSpace("/", 1);
  await assert.rejects(
    checkSpace("/", 2 ** 52),
    /free, but 4096 TiB are needed, and 64\.0 MiB must stay free: make room/,
  );
});

Deno.test("writeManifest() leaves no partial file behind", async () => {
  const dir = await Deno.makeTempDir();
  try {
    const path = join(dir, "x.gguf");
    await writeManifest(path, { id: "x", size_bytes: 1, aliases: [] });
    await Deno.mkdir(join(dir, "y.gguf.json"));
    await assert.rejects(
      writeManifest(join(dir, "y.gguf"), { id: "y", size_bytes: 1, aliases: [] }),
      /Cannot write/,
    );
    const entries = await Array.fromAsync(Deno.readDir(dir));
    const names = entries.map(({ name }) => name).sort();
    assert.deepEqual(names, ["x.gguf.json", "y.gguf.json"]);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});
