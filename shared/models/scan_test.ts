import assert from "node:assert/strict";
import { join } from "node:path";
import { writeCounterModel } from "../../tests/support/models.ts";
import { writeProjector, writeSeeingModel } from "../../tests/support/vision_model.ts";
import { type ScanCache, scanModels } from "./scan.ts";

async function withFolder(test: (dir: string) => Promise<void>): Promise<void> {
  const dir = await Deno.realPath(await Deno.makeTempDir());
  try {
    await test(dir);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

Deno.test("scanModels() finds models in folders below, with their names and figures", async () => {
  await withFolder(async (dir) => {
    await Deno.mkdir(join(dir, "a", "b"), { recursive: true });
    const path = join(dir, "a", "b", "tiny.gguf");
    writeCounterModel(path, { numbers: 10, context: 64 });
    const { models, problems } = await scanModels([dir, join(dir, "missing")]);
    assert.deepEqual(problems, []);
    assert.equal(models.length, 1);
    assert.equal(models[0]?.model_ref, `file:${path}`);
    assert.deepEqual(models[0]?.aliases, ["tiny"]);
    assert.equal(models[0]?.context_length, 64);
    assert.equal(models[0]?.size_bytes, (await Deno.stat(path)).size);
    assert.match(models[0]?.fingerprint ?? "", /^[0-9a-f]{64}$/);
  });
});

Deno.test("scanModels() takes names and reference from a manifest", async () => {
  await withFolder(async (dir) => {
    const path = join(dir, "x.gguf");
    writeCounterModel(path, { numbers: 10 });
    const { size } = await Deno.stat(path);
    const manifest = { id: "my-model", repo: "org/repo", file: "x.gguf", size_bytes: size };
    await Deno.writeTextFile(`${path}.json`, JSON.stringify({ ...manifest, aliases: ["mine"] }));
    const { models } = await scanModels([dir]);
    assert.equal(models[0]?.model_ref, "hf:org/repo::file=x.gguf");
    assert.deepEqual(models[0]?.aliases, [`file:${path}`, "x", "my-model", "mine"]);
  });
});

Deno.test("scanModels() reports broken files and continues", async () => {
  await withFolder(async (dir) => {
    await Deno.writeTextFile(join(dir, "broken.gguf"), "not a model");
    await Deno.writeTextFile(join(dir, "part.gguf.incomplete"), "x");
    writeCounterModel(join(dir, "good.gguf"), { numbers: 10 });
    const { models, problems } = await scanModels([dir]);
    assert.deepEqual(models.map((model) => model.aliases[0]), ["good"]);
    assert.deepEqual(problems.map((each) => each.path), [join(dir, "broken.gguf")]);
  });
});

Deno.test("scanModels() gives a model the projector beside it, and says of others that they have no model", async () => {
  await withFolder(async (dir) => {
    writeSeeingModel(join(dir, "eyes-q4_0.gguf"));
    const { models: [blind] } = await scanModels([dir]);
    assert.deepEqual([blind?.vision, blind?.projector], [undefined, undefined]);
    const path = join(dir, "mmproj-eyes-f16.gguf");
    writeProjector(path);
    writeProjector(join(dir, "mmproj-other-f16.gguf"));
    const { models, problems } = await scanModels([dir]);
    const { size } = await Deno.stat(path);
    assert.equal(models.length, 1);
    assert.equal(models[0]?.vision, true);
    assert.deepEqual(models[0]?.projector, { path, size_bytes: size });
    assert.equal(models[0]?.compute_bytes, blind!.compute_bytes + size);
    assert.deepEqual(problems.map((each) => each.path), [join(dir, "mmproj-other-f16.gguf")]);
    assert.match(problems[0]!.message, /call it x\.mmproj\.gguf/);
    writeProjector(join(dir, "mmproj-eyes-q8_0.gguf"));
    const again = (await scanModels([dir])).problems.map(({ message }) => message);
    assert.ok(
      again.includes("It sees or hears for eyes-q4_0.gguf, which uses mmproj-eyes-f16.gguf"),
      again.join("\n"),
    );
  });
});

Deno.test("scanModels() ignores a manifest of another file", async () => {
  await withFolder(async (dir) => {
    const path = join(dir, "x.gguf");
    writeCounterModel(path, { numbers: 10 });
    const manifest = { id: "x", size_bytes: 1, sha256: "0".repeat(64) };
    await Deno.writeTextFile(`${path}.json`, JSON.stringify(manifest));
    const { models, problems } = await scanModels([dir]);
    assert.deepEqual(models, []);
    assert.match(problems[0]?.message ?? "", /says 1 bytes/);
  });
});

Deno.test("scanModels() finds files by links, as in the cache of Hugging Face, by the links' own names", async () => {
  await withFolder(async (dir) => {
    const snapshot = join(dir, "models--org--tiny", "snapshots", "0123");
    await Deno.mkdir(snapshot, { recursive: true });
    await Deno.mkdir(join(dir, "models--org--tiny", "blobs"));
    writeCounterModel(join(dir, "models--org--tiny", "blobs", "f00d"), { numbers: 10 });
    await Deno.symlink("../../blobs/f00d", join(snapshot, "tiny-Q4.gguf"));
    const { models, problems } = await scanModels([dir]);
    assert.deepEqual(problems, []);
    assert.deepEqual(models.map(({ path }) => path), [join(snapshot, "tiny-Q4.gguf")]);
    assert.deepEqual(models[0]?.aliases, ["tiny-Q4"]);
  });
});

Deno.test("scanModels() reports broken links and loops, and follows no link to a folder", async () => {
  await withFolder(async (dir) => {
    writeCounterModel(join(dir, "real.gguf"), { numbers: 10 });
    await Deno.symlink("real.gguf", join(dir, "also.gguf"));
    await Deno.symlink("gone", join(dir, "dangling.gguf"));
    await Deno.symlink("round.gguf", join(dir, "round.gguf"));
    await Deno.symlink(".", join(dir, "again"));
    await Deno.symlink(".", join(dir, "folder.gguf"));
    const { models, problems } = await scanModels([dir]);
    assert.deepEqual(models.map(({ aliases }) => aliases), [["also"], ["real"]]);
    assert.equal(models[0]?.fingerprint, models[1]?.fingerprint);
    assert.deepEqual(problems.map(({ path }) => path), [
      join(dir, "dangling.gguf"),
      join(dir, "round.gguf"),
    ]);
    assert.match(problems[0]?.message ?? "", /link to a missing file/);
    assert.match(problems[1]?.message ?? "", /too many.*symbolic links/i);
  });
});

Deno.test("scanModels() reads a file again only when it has changed", async () => {
  await withFolder(async (dir) => {
    const path = join(dir, "x.gguf");
    writeCounterModel(path, { numbers: 10 });
    const cache: ScanCache = new Map();
    const first = await scanModels([dir], cache);
    const kept = cache.get(path);
    await scanModels([dir], cache);
    assert.equal(cache.get(path), kept);
    writeCounterModel(path, { numbers: 20 });
    const second = await scanModels([dir], cache);
    assert.notEqual(first.models[0]?.fingerprint, second.models[0]?.fingerprint);
    await Deno.remove(path);
    await scanModels([dir], cache);
    assert.equal(cache.size, 0);
  });
});

Deno.test("scanModels() gives each file a short name, made where its own is none, and to each its own", async () => {
  await withFolder(async (dir) => {
    const files = [
      ["with space.gguf", "with-space"],
      ["Mo\u0308we.gguf", "Mowe"],
      ["\u{1f600}.gguf", /^model-[0-9a-f]{8}$/],
      ["-dash.gguf", "dash"],
      ["back\\slash.gguf", "back-slash"],
      ["a b.gguf", /^a-b-[0-9a-f]{8}$/],
      ["a-b.gguf", "a-b"],
      ["c d.gguf", /^c-d-[0-9a-f]{8}$/],
      ["c  d.gguf", /^c-d-[0-9a-f]{8}$/],
    ] as const;
    for (const [index, [file]] of files.entries()) {
      writeCounterModel(join(dir, file), { numbers: 10 + index });
    }
    const { models } = await scanModels([dir]);
    const nameOf = (file: string) =>
      models.find(({ path }) => path === join(dir, file))!.aliases.at(-1)!;
    for (const [file, expected] of files) {
      if (typeof expected === "string") assert.ok(nameOf(file).startsWith(expected), file);
      else assert.match(nameOf(file), expected);
    }
    assert.equal(new Set(files.map(([file]) => nameOf(file))).size, files.length);
  });
});

Deno.test("two files with the same name in two folders can both be named", async () => {
  await withFolder(async (dir) => {
    for (const [index, folder] of ["a", "b"].entries()) {
      await Deno.mkdir(join(dir, folder));
      writeCounterModel(join(dir, folder, "x.gguf"), { numbers: 10 + index });
    }
    const { models } = await scanModels([dir]);
    const names = models.map(({ aliases }) => aliases.filter((name) => name !== "x"));
    assert.deepEqual(names.map((each) => each.length), [1, 1]);
    assert.notEqual(names[0]![0], names[1]![0]);
  });
});

Deno.test("scanModels() reports files without weights, empty ones, and paths that are too long for a reference", async () => {
  await withFolder(async (dir) => {
    const path = join(dir, "counter.gguf");
    writeCounterModel(path, { numbers: 10 });
    const bytes = await Deno.readFile(path);
    new DataView(bytes.buffer).setBigUint64(8, 0n, true);
    await Deno.writeFile(join(dir, "vocabulary.gguf"), bytes);
    await Deno.writeFile(join(dir, "empty.gguf"), new Uint8Array());
    const deep = join(dir, ...["a", "b", "c", "d"].map((letter) => letter.repeat(250)));
    await Deno.mkdir(deep, { recursive: true });
    await Deno.copyFile(path, join(deep, `${"e".repeat(200)}.gguf`));
    const { models, problems } = await scanModels([dir]);
    assert.deepEqual(models.map((model) => model.path), [path]);
    assert.deepEqual(
      problems.map(({ message }) => message.replace(/^Cannot read model ".*": /, "")).sort(),
      [
        "Its path has more than 1019 characters",
        "it holds no weights, only a vocabulary or metadata",
        "it is not a GGUF file",
      ],
    );
  });
});

Deno.test("scanModels() says of a name that is not UTF-8 that it must be renamed", async () => {
  await withFolder(async (dir) => {
    const path = join(dir, "good.gguf");
    writeCounterModel(path, { numbers: 10 });
    // Deno cannot create such a name, but another program can.
    const script = `mv "$1" "$2/bad$(printf '\\377').gguf"`;
    const { success } = await new Deno.Command("sh", { args: ["-c", script, "sh", path, dir] })
      .output();
    assert.ok(success);
    const { models, problems } = await scanModels([dir]);
    assert.deepEqual(models, []);
    assert.match(problems[0]?.message ?? "", /its name are not valid UTF-8, .*rename it/);
  });
});
