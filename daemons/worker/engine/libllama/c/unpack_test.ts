import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { basename, join } from "node:path";
import { checkFiles } from "./check_files.ts";
import { unpacked } from "./unpack.ts";

const PLATFORM = "linux-x64";
const FILES = ["libggml-cpu-x64.so", "libllama.v1.so", "fallback/libggml-cuda.so"];
const hashOf = (text: string) => createHash("sha256").update(text).digest("hex");
const HASHES = Object.fromEntries(FILES.map((file) => [file, hashOf(file)]));
const packages = { [PLATFORM]: HASHES };

/** Runs a test with libraries as in an executable, whose content is their name, and an empty cache. */
async function withLibraries(test: (folder: string, into: string) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir({ prefix: "llorch-unpack-" });
  try {
    const folder = join(dir, "llama", PLATFORM);
    await Deno.mkdir(join(folder, "fallback"), { recursive: true });
    for (const file of FILES) await Deno.writeTextFile(join(folder, file), file);
    await Deno.writeTextFile(join(folder, "README"), "");
    await test(folder, join(dir, "cache", "runtime"));
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

const modeOf = async (path: string) => (await Deno.stat(path)).mode! & 0o777;
const namesIn = (path: string) => [...Deno.readDirSync(path)].map(({ name }) => name).sort();

Deno.test("libraries are unpacked once, for their user alone, and pass the check", async () => {
  await withLibraries(async (folder, into) => {
    const copies = await unpacked(folder, { into, packages });
    assert.equal(basename(copies), PLATFORM);
    for (const file of FILES) assert.equal(await Deno.readTextFile(join(copies, file)), file);
    assert.deepEqual(namesIn(copies), ["fallback", "libggml-cpu-x64.so", "libllama.v1.so"]);
    if (Deno.build.os !== "windows") {
      for (const path of [join(copies, "../.."), copies, join(copies, "fallback")]) {
        assert.equal(await modeOf(path), 0o700, path);
      }
      assert.equal(await modeOf(join(copies, FILES[0]!)), 0o600);
    }
    if (Deno.build.os === "linux") checkFiles(copies, { packages });

    const before = await Deno.stat(join(copies, FILES[0]!));
    assert.equal(await unpacked(folder, { into, packages }), copies);
    assert.deepEqual((await Deno.stat(join(copies, FILES[0]!))).ino, before.ino);
  });
});

Deno.test("another content has another folder, and carries its own hashes", async () => {
  await withLibraries(async (folder, into) => {
    const first = await unpacked(folder, { into, packages });
    await Deno.writeTextFile(join(folder, "hashes.json"), JSON.stringify({ [FILES[0]!]: "0" }));
    const second = await unpacked(folder, { into, packages });
    assert.notEqual(first, second);
    assert.deepEqual(namesIn(second), ["hashes.json", FILES[0]!]);
  });
});

Deno.test("copies that no start has used for a month are removed when others are unpacked, and only those", async () => {
  await withLibraries(async (folder, into) => {
    const hoursAgo = (path: string, hours: number) => {
      const time = new Date(Date.now() - hours * 3_600_000);
      return Deno.utime(path, time, time);
    };
    const versions: string[] = [];
    for (const version of ["1", "2", "3"]) {
      await Deno.writeTextFile(
        join(folder, "hashes.json"),
        JSON.stringify({ [FILES[0]!]: version }),
      );
      versions.push(basename(join(await unpacked(folder, { into, packages }), "../..")));
    }
    const [old, young, again] = versions as [string, string, string];
    const others = ["0123abc", ".llama.cpp-left", ".llama.cpp-open"];
    for (const other of others) await Deno.mkdir(join(into, other));
    for (const each of [old, again, "0123abc", ".llama.cpp-left"]) {
      await hoursAgo(join(into, each), 24 * 31);
    }
    await hoursAgo(join(into, young), 24 * 29);
    // A start with copies that are there removes nothing, and uses its own.
    await unpacked(folder, { into, packages });
    assert.equal(namesIn(into).length, 6);
    await Deno.remove(join(folder, "hashes.json"));
    const now = basename(join(await unpacked(folder, { into, packages }), "../.."));
    const left = [now, young, again, "0123abc", ".llama.cpp-open"];
    assert.deepEqual(namesIn(into), left.sort());
  });
});

Deno.test("many starts at once leave one complete folder", async () => {
  await withLibraries(async (folder, into) => {
    const all = await Promise.all(
      Array.from({ length: 12 }, () => unpacked(folder, { into, packages })),
    );
    assert.equal(new Set(all).size, 1);
    assert.equal(namesIn(into).length, 1);
    for (const file of FILES) assert.equal(await Deno.readTextFile(join(all[0]!, file)), file);
  });
});

Deno.test("what cannot be unpacked is reported with what to do, and leaves nothing", async () => {
  await withLibraries(async (folder, into) => {
    await Deno.remove(join(folder, FILES[2]!));
    await assert.rejects(unpacked(folder, { into, packages }), {
      code: "WORKER_START_FAILED",
      message:
        /^Cannot unpack llama\.cpp: .*; make room in .* or set LLORCH_RUNTIME_DIR to another/,
    });
    assert.deepEqual(namesIn(into), []);
    await Deno.writeTextFile(join(folder, "file"), "");
    await assert.rejects(
      unpacked(folder, { into: join(folder, "file"), packages }),
      /set LLORCH_RUNTIME_DIR/,
    );
  });
});
