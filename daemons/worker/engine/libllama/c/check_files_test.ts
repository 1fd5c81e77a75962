import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { dirname, join } from "node:path";
import { LlorchError } from "#shared/errors.ts";
import { cpuBinaries } from "./carried.ts";
import { checkFiles, type FileCheckOptions, openedIn, sha256 } from "./check_files.ts";
import { HASHES } from "./hashes.ts";

/** Names as the system has them that runs the tests. */
const file = (name: string) => Deno.build.os === "windows" ? `${name}.dll` : `lib${name}.so`;
const [LLAMA, CPU, CUDA] = [file("llama.v1"), file("ggml-cpu-x64"), file("ggml-cuda")];
const FILES = [LLAMA, CPU, CUDA, `fallback/${CUDA}`];
const PLATFORM = "linux-x64-cuda";

const hashOf = (text: string) => createHash("sha256").update(text).digest("hex");
const HASHES_OF_FILES = Object.fromEntries(FILES.map((each) => [each, hashOf(each)]));
const PACKAGES = { [PLATFORM]: HASHES_OF_FILES };

/** Runs a test with a folder of files whose content is their name. */
async function withFiles(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = join(await Deno.makeTempDir({ prefix: "llorch-files-" }), PLATFORM);
  try {
    await Deno.mkdir(join(folder, "fallback"), { recursive: true });
    for (const each of FILES) await Deno.writeTextFile(join(folder, each), each);
    await test(folder);
  } finally {
    await Deno.remove(dirname(folder), { recursive: true });
  }
}

function refused(folder: string, options: FileCheckOptions = {}): string {
  const error = errorOf(() => checkFiles(folder, { packages: PACKAGES, ...options }));
  assert.ok(error instanceof LlorchError && error.code === "WORKER_START_FAILED", String(error));
  assert.ok(error.message.startsWith(`Cannot use llama.cpp in ${folder}: `), error.message);
  return error.message.slice(`Cannot use llama.cpp in ${folder}: `.length);
}

function errorOf(call: () => void): unknown {
  try {
    call();
  } catch (error) {
    return error;
  }
  assert.fail("accepted");
}

Deno.test({
  name: "the libraries of node-llama-cpp have the hashes that are written down",
  ignore: cpuBinaries() === undefined,
}, () => {
  checkFiles(cpuBinaries()!);
});

Deno.test("there are hashes of every platform, backends included", () => {
  for (const [platform, hashes] of Object.entries(HASHES)) {
    const names = Object.keys(hashes);
    for (const part of ["llama", "ggml-base", "ggml-cpu", "ggml."]) {
      assert.ok(names.some((name) => name.includes(part)), `${platform} has no ${part}`);
    }
    const [, gpu] = /-(cuda|vulkan|metal)$/.exec(platform) ?? [];
    assert.equal(names.some((name) => name.includes(`ggml-${gpu}`)), gpu !== undefined, platform);
    assert.ok(Object.values(hashes).every((hash) => /^[\da-f]{64}$/.test(hash)), platform);
  }
  assert.deepEqual(Object.keys(HASHES).sort(), [
    ...["linux-arm64", "linux-x64", "linux-x64-cuda", "linux-x64-vulkan"],
    ...["mac-arm64-metal", "mac-x64"],
  ]);
});

Deno.test("a changed, a missing and a foreign library are refused by name, with what to do", async () => {
  await withFiles(async (folder) => {
    checkFiles(folder, { packages: PACKAGES });
    const reinstall = "remove node_modules and run deno install";
    const foreign = file("ggml-cpu-best");
    await Deno.writeTextFile(join(folder, foreign), "");
    assert.equal(refused(folder), `${foreign} is none of its libraries; remove it`);
    await Deno.remove(join(folder, foreign));

    await Deno.writeTextFile(join(folder, LLAMA), "another");
    assert.equal(
      refused(folder),
      `${LLAMA} is damaged or another one: its SHA-256 is ${hashOf("another")} instead of ` +
        `${hashOf(LLAMA)}; ${reinstall}`,
    );
    await Deno.remove(join(folder, LLAMA));
    assert.equal(refused(folder), `${LLAMA} is missing; ${reinstall}`);
    assert.match(
      refused(folder, { packages: {} }),
      new RegExp(`this version has no hashes of ${PLATFORM}; ${reinstall}`),
    );
  });
});

Deno.test("files that the engine does not open do not matter", async () => {
  await withFiles(async (folder) => {
    await Deno.writeTextFile(join(folder, file("llama-common")), "");
    await Deno.writeTextFile(join(folder, "llama-addon.node"), "");
    checkFiles(folder, { packages: PACKAGES });
    // Half a gigabyte, for nothing.
    for (const each of [CUDA, `fallback/${CUDA}`]) await Deno.truncate(join(folder, each));
    checkFiles(folder, { packages: PACKAGES, onlyCpu: true });
    assert.match(refused(folder), new RegExp(`^${CUDA} is damaged`));
  });
});

Deno.test("libraries that were built from source have the hashes beside them", async () => {
  await withFiles(async (folder) => {
    const own = join(folder, "hashes.json");
    await Deno.writeTextFile(own, JSON.stringify(HASHES_OF_FILES));
    checkFiles(folder, { packages: {} });
    await Deno.writeTextFile(join(folder, CPU), "another");
    assert.match(refused(folder), new RegExp(`^${CPU} is damaged .*; build it again$`));
    for (const text of ["[1]", '{"a": 1}', "{"]) {
      await Deno.writeTextFile(own, text);
      assert.equal(refused(folder), "hashes.json has no hashes; build it again");
    }
  });
});

Deno.test({
  name: "libraries that others could have changed are refused, whatever is in them",
  ignore: Deno.build.os === "windows",
}, async () => {
  await withFiles(async (folder) => {
    await Deno.chmod(join(folder, CPU), 0o666);
    assert.equal(
      refused(folder),
      `${CPU} is not safe to open, since everyone may change it; chmod go-w ${join(folder, CPU)}`,
    );
  });
});

Deno.test("openedIn() lists libraries of the folder and of the one inside it", async () => {
  await withFiles((folder) => {
    assert.deepEqual(openedIn(folder), [...FILES].sort());
    assert.deepEqual(openedIn(join(folder, "nothing")), []);
    return Promise.resolve();
  });
});

Deno.test("sha256() is right for files of any length", async () => {
  const path = await Deno.makeTempFile();
  try {
    for (const length of [0, 1, (16 << 20) - 1, (16 << 20) + 1]) {
      const bytes = new Uint8Array(length).fill(7);
      await Deno.writeFile(path, bytes);
      assert.equal(sha256(path), createHash("sha256").update(bytes).digest("hex"));
    }
  } finally {
    await Deno.remove(path);
  }
});
