import assert from "node:assert/strict";
import { join } from "node:path";
import { type FakeHubOptions } from "../support/fake_hub.ts";
import { llorch, withHome } from "../support/llorch.ts";
import { writeCounterModel } from "../support/models.ts";
import { type Gesture, hasTerminal, onTerminal } from "../support/terminal.ts";
import { assertWhole, content, HASH, MIB, NAME, REF, stage, WHOLE } from "./download_stage.ts";

Deno.test("models download fetches over several connections, and the token stays with the hub", () =>
  stage({}, async (at) => {
    const { code, out, err } = await at.run("download", REF, "--json");
    assert.equal(code, 0, err);
    assert.deepEqual(JSON.parse(out), {
      id: "tiny",
      path: join(at.models, "tiny.gguf"),
      size_bytes: WHOLE.length,
      sha256: HASH,
      verified: true,
      already: false,
    });
    await assertWhole(at);
    const store = at.hub.requests.filter(({ server }) => server === "store");
    assert.deepEqual(store.map(({ start }) => start).sort((a, b) => a - b), [0, 8 * MIB, 16 * MIB]);
    assert.ok(store.every(({ authorization }) => authorization === null));
    const hub = at.hub.requests.filter(({ server }) => server === "hub");
    assert.ok(hub.every(({ authorization }) => authorization === "Bearer secret"));
    const before = at.hub.requests.length;
    const again = await at.run("download", REF);
    assert.match(again.err, /is already there/);
    // The hub is asked whether it has a projector by now, and for nothing else.
    assert.equal(at.hub.requests.length, before + 1);
    const offline = await llorch(["models", "download", REF], {
      env: { ...at.env, HF_ENDPOINT: "http://127.0.0.1:1" },
    });
    assert.equal(offline.code, 0, offline.err);
    assert.match(offline.err, /is already there/);
  }, { HF_TOKEN: "secret" }));

Deno.test("models download has a model's projector beside it, and delete removes it", async () => {
  const eyes = content(2, 1000);
  const files = { [NAME]: WHOLE, "org/tiny/mmproj-tiny-f16.gguf": eyes };
  await stage({ files }, async (at) => {
    const { code, err } = await at.run("download", REF);
    assert.equal(code, 0, err);
    assert.deepEqual(at.files(), ["tiny.gguf", "tiny.gguf.json", "tiny.mmproj.gguf"]);
    assert.deepEqual(await Deno.readFile(join(at.models, "tiny.mmproj.gguf")), eyes);
    assert.deepEqual(await Deno.readFile(join(at.models, "tiny.gguf")), WHOLE);
    const { code: deleted } = await at.run("delete", "tiny", "--yes");
    assert.equal(deleted, 0);
    assert.deepEqual(at.files(), []);
  });
});

Deno.test("models download fetches only the projector where only that is missing", async () => {
  const eyes = content(2, 1000);
  const files: Record<string, Uint8Array<ArrayBuffer>> = { [NAME]: WHOLE };
  await stage({ files }, async (at) => {
    assert.equal((await at.run("download", REF)).code, 0);
    await assertWhole(at);
    files["org/tiny/mmproj-tiny-f16.gguf"] = eyes;
    const before = at.hub.requests.length;
    const { code, out, err } = await at.run("download", REF, "--json");
    assert.equal(code, 0, err);
    assert.equal(JSON.parse(out).already, false);
    assert.deepEqual(at.files(), ["tiny.gguf", "tiny.gguf.json", "tiny.mmproj.gguf"]);
    assert.deepEqual(await Deno.readFile(join(at.models, "tiny.mmproj.gguf")), eyes);
    const asked = at.hub.requests.slice(before).map(({ path }) => path);
    assert.ok(!asked.some((path) => path.endsWith("/tiny.gguf")), asked.join());
    // Everything is there now: the hub is not asked.
    const after = at.hub.requests.length;
    assert.match((await at.run("download", REF)).err, /is already there/);
    assert.equal(at.hub.requests.length, after);
  });
});

Deno.test("models list, info, verify and delete know what was downloaded", async () => {
  const path = await Deno.makeTempFile({ suffix: ".gguf" });
  writeCounterModel(path, { numbers: 10, context: 64 });
  const model = await Deno.readFile(path);
  await Deno.remove(path);
  await stage({ files: { [NAME]: model, "org/tiny/README.md": model } }, async (at) => {
    assert.equal((await at.run("download", "hf:org/tiny@v1")).code, 0);
    const { models } = JSON.parse((await at.run("list", "--json")).out);
    const [mine] = models.filter(({ name }: { name: string }) => name === "tiny");
    assert.equal(mine.model_ref, "hf:org/tiny@v1::file=tiny.gguf");
    assert.match((await at.run("list")).out, /^tiny +\S+ \S+ +\S+ +64 +/m);
    const info = JSON.parse(
      (await at.run("info", "hf:org/tiny@v1", "--context=32", "--slots=2", "--json")).out,
    );
    assert.equal(info.context, 32);
    assert.ok(info.memory_bytes < info.default_memory_bytes);
    assert.deepEqual([info.memory_source, info.memory_problem], ["engine", null]);
    assert.equal(mine.memory_source, "formula");
    assert.equal((await at.run("verify", "tiny")).code, 0);
    const file = join(at.models, "tiny.gguf");
    model[model.length - 1]! ^= 1;
    await Deno.writeFile(file, model);
    const broken = await at.run("verify", "--all");
    assert.equal(broken.code, 1);
    assert.match(broken.out, /^broken +tiny +SHA-256 is .* --force fetches it again$/m);
    assert.ok(!(await Deno.readTextFile(`${file}.json`)).includes("verified_at"));
    const unasked = await at.run("delete", "tiny");
    assert.equal(unasked.code, 2);
    assert.match(unasked.err, /add --yes/);
    assert.equal((await at.run("delete", "tiny", "--yes")).code, 0);
    assert.deepEqual(at.files(), []);
  });
});

Deno.test("models download removes what does not have the announced hash", () =>
  stage({
    trouble: ({ server, start }) => server === "store" && start > 0 ? { corrupt: true } : {},
  }, async (at) => {
    const { code, err } = await at.run("download", REF);
    assert.equal(code, 1);
    assert.match(
      err,
      /llorch: The download of tiny\.gguf was removed: its SHA-256 is .* the hub announced/,
    );
    assert.deepEqual(at.files(), []);
  }));

Deno.test("models download does not call a file verified if the hub announced no hash", () =>
  stage({ hashes: { [NAME]: null }, isStoreless: true }, async (at) => {
    const { code, out, err } = await at.run("download", REF, "--json");
    assert.equal(code, 0, err);
    assert.equal(JSON.parse(out).verified, false);
    await assertWhole(at);
  }));

Deno.test("models download --quiet says only where the model is", () =>
  stage({}, async (at) => {
    const { out, err } = await at.run("download", REF, "--quiet");
    assert.deepEqual([out, err], [join(at.models, "tiny.gguf") + "\n", ""]);
  }));

const REFUSALS: readonly (readonly [problem: string, Partial<FakeHubOptions>, RegExp])[] = [
  [
    "401",
    { trouble: () => ({ status: 401 }) },
    /requires a token for org\/tiny \(401\).*set HF_TOKEN/,
  ],
  [
    "403",
    { trouble: () => ({ status: 403 }) },
    /refuses org\/tiny \(403\): accept its terms at http/,
  ],
  ["404", { files: {} }, /org\/tiny has no such file \(404\): check what follows ::file=/],
  [
    "a wrong length",
    { trouble: ({ server }) => server === "store" ? { length: 9 * MIB } : {} },
    /The server has 9437184 bytes of tiny\.gguf, but the hub announced 20971527/,
  ],
  [
    "too many bytes",
    { trouble: ({ server }) => server === "store" ? { noRanges: true, surplus: 5 } : {} },
    /sent more bytes than the hub announced/,
  ],
  ["a page", { files: { [NAME]: new TextEncoder().encode("<html>") } }, /is not a GGUF file/],
];

for (const [problem, options, message] of REFUSALS) {
  Deno.test(`models download explains ${problem}, and leaves no file with the model's name`, () =>
    stage(options, async (at) => {
      const { code, err } = await at.run("download", REF);
      assert.equal(code, 1);
      assert.match(err, message);
      assert.equal(err.trim().split("\n").length, 1, err);
      const files = await Array.fromAsync(Deno.readDir(at.models)).catch(() => []);
      assert.ok(files.every(({ name }) => name.endsWith(".incomplete")));
    }));
}

Deno.test("models download names the files when a repository has several", () =>
  stage({ files: { "org/tiny/a.gguf": WHOLE, "org/tiny/q/b.gguf": WHOLE } }, async ({ run }) => {
    const { code, err } = await run("download", "hf:org/tiny");
    assert.equal(code, 1);
    assert.match(err, /has 2 GGUF files: add ::file= and one of a\.gguf, q\/b\.gguf$/m);
  }));

Deno.test("models download fetches all parts of a split model", async () => {
  const parts = ["tiny-00001-of-00002.gguf", "tiny-00002-of-00002.gguf"] as const;
  const files = {
    [`org/tiny/${parts[0]}`]: content(4, 1000),
    [`org/tiny/${parts[1]}`]: content(5, 900),
  };
  await stage({ files }, async (at) => {
    const { code, out, err } = await at.run("download", "hf:org/tiny", "--json");
    assert.equal(code, 0, err);
    assert.deepEqual(at.files(), [parts[0], `${parts[0]}.json`, parts[1]]);
    const { size_bytes, sha256, verified } = JSON.parse(out);
    assert.deepEqual([size_bytes, sha256, verified], [1900, null, true]);
  });
});

/** A model that looks to a scan as if `gguf-split` had written it: two parts with headers. */
async function splitModel(): Promise<Record<string, Uint8Array<ArrayBuffer>>> {
  const path = await Deno.makeTempFile({ suffix: ".gguf" });
  writeCounterModel(path, { numbers: 10, context: 64 });
  const bytes = await Deno.readFile(path);
  await Deno.remove(path);
  return Object.fromEntries([1, 2].map((n) => [`org/tiny/tiny-0000${n}-of-00002.gguf`, bytes]));
}

Deno.test("models download accepts any part's name for the whole, and an incomplete model can be repaired or removed", async () => {
  await stage({ files: await splitModel() }, async (at) => {
    const second = "hf:org/tiny::file=tiny-00002-of-00002.gguf";
    assert.equal((await at.run("download", second)).code, 0);
    assert.equal(at.files().length, 3);
    const part = join(at.models, "tiny-00002-of-00002.gguf");
    await Deno.remove(part);
    const first = "hf:org/tiny::file=tiny-00001-of-00002.gguf";
    const advice = `llorch models download ${first} repairs it, llorch models delete file:`;
    for (const args of [["list"], ["verify", "--all"], ["verify", "tiny"], ["info", "tiny"]]) {
      const { out, err } = await at.run(...args);
      assert.ok((out + err).includes(advice), out + err);
    }
    assert.equal((await at.run("download", second)).code, 0);
    assert.ok((await Deno.stat(part)).isFile);
    await Deno.remove(part);
    const deleted = await at.run("delete", "tiny", "--yes");
    assert.equal(deleted.code, 0, deleted.err);
    assert.deepEqual(at.files(), []);
  });
});

Deno.test("models download refuses a file name that leads out of the folder, before it fetches anything", () =>
  stage({ files: { "org/tiny/../../../../escaped.gguf": WHOLE } }, async ({ hub, models, run }) => {
    const { code, err } = await run("download", "hf:org/tiny");
    assert.equal(code, 1);
    assert.match(
      err,
      /^llorch: org\/tiny names a file ".*", which is no plain path inside it: .*\n$/,
    );
    assert.equal(hub.requests.length, 1);
    await assert.rejects(Deno.stat(models), Deno.errors.NotFound);
  }));

Deno.test("models download gives up at once when redirects form a loop", () =>
  stage({
    trouble: ({ path }) => ({ status: 302, headers: { location: path } }),
  }, async ({ hub, run }) => {
    const { code, err } = await run("download", REF);
    assert.equal(code, 1);
    assert.match(err, /^llorch: \S+ redirects in circles: check HF_ENDPOINT, and .*\n$/);
    assert.equal(hub.requests.length, 9);
  }));

Deno.test("models add refuses a name that is in use, and can give a file a second name", () =>
  stage({}, async (at) => {
    const home = at.env["HF_HOME"]!;
    await Deno.mkdir(home);
    for (const [name, numbers] of [["a", 10], ["b", 11]] as const) {
      writeCounterModel(join(home, `${name}.gguf`), { numbers });
    }
    const add = (...args: string[]) => at.run("add", ...args, "--json");
    assert.equal((await add(join(home, "a.gguf"), "--name", "one")).code, 0);
    for (const name of ["one", "demo", "a"]) {
      const { code, err } = await add(join(home, "b.gguf"), "--name", name);
      assert.equal(code, 1);
      assert.match(
        err,
        new RegExp(`^llorch: "${name}" is already the name of /.*: choose another`),
      );
    }
    const again = JSON.parse((await add(join(home, "a.gguf"), "--name", "two")).out);
    assert.deepEqual([again.id, again.aliases], ["one", ["two"]]);
    for (const name of ["one", "two"]) assert.equal((await at.run("info", name)).code, 0);
  }));

Deno.test("models finds a file through a link, and deletes only the link, even a broken one", () =>
  stage({}, async (at) => {
    await Deno.mkdir(at.models);
    const blob = join(at.env["HF_HOME"]!, "blob");
    await Deno.mkdir(at.env["HF_HOME"]!);
    writeCounterModel(blob, { numbers: 10 });
    const link = join(at.models, "tiny.gguf");
    const outcome = async () => {
      const { code, err } = await at.run("delete", "tiny", "--yes");
      assert.equal(code, 0, err);
      assert.deepEqual(at.files(), []);
    };
    await Deno.symlink(blob, link);
    const { out } = await at.run("info", `file:${link}`, "--json");
    assert.equal(JSON.parse(out).path, link);
    assert.match((await at.run("list")).out, /^tiny +/m);
    await outcome();
    assert.ok((await Deno.stat(blob)).isFile);
    await Deno.symlink(join(at.models, "gone"), link);
    assert.match((await at.run("list")).err, /link to a missing file/);
    await outcome();
    const named = await at.run("info", blob + ".gguf");
    assert.match(named.err, /to name a file, write file:\/.*blob\.gguf$/m);
  }));

Deno.test("models download refuses another file in its place without --force", () =>
  stage({}, async (at) => {
    await Deno.mkdir(at.models);
    await Deno.writeTextFile(join(at.models, "tiny.gguf"), "mine");
    const { code, err } = await at.run("download", REF);
    assert.equal(code, 1);
    assert.match(err, /differs from the hub's file: replace it with --force/);
    assert.equal((await at.run("download", REF, "--force")).code, 0);
    await assertWhole(at);
  }));

Deno.test("models download explains what is wrong with a folder", () =>
  stage({}, async ({ env, models, run }) => {
    await Deno.writeTextFile(models, "");
    const { code, err } = await run("download", REF, "--dir", join(models, "x"));
    assert.equal(code, 1);
    assert.match(err, /^llorch: Cannot write .*: something else is in its place/);
    assert.ok(env["HF_HOME"]);
  }));

Deno.test("models add links a local file, and one in the hub's cache", () =>
  stage({}, async (at) => {
    const own = join(at.env["HF_HOME"]!, "own.gguf");
    await Deno.mkdir(at.env["HF_HOME"]!);
    writeCounterModel(own, { numbers: 10 });
    const added = JSON.parse((await at.run("add", `file:${own}`, "--name", "mine", "--json")).out);
    assert.equal(added.how, "link");
    assert.equal((await Deno.stat(added.path)).ino, (await Deno.stat(own)).ino);
    assert.equal((await at.run("verify", "mine")).code, 0);
    const repo = join(at.env["HF_HOME"]!, "hub", "models--org--cached");
    const snapshot = join(repo, "snapshots", "abc");
    await Deno.mkdir(join(repo, "blobs"), { recursive: true });
    await Deno.mkdir(join(repo, "refs"), { recursive: true });
    await Deno.mkdir(snapshot, { recursive: true });
    await Deno.writeTextFile(join(repo, "refs", "main"), "abc");
    await Deno.copyFile(own, join(repo, "blobs", added.sha256));
    await Deno.symlink(`../../blobs/${added.sha256}`, join(snapshot, "x.gguf"));
    const cached = await at.run("add", "hf:org/cached::file=x.gguf");
    assert.equal(cached.code, 0, cached.err);
    assert.equal((await at.run("info", "hf:org/cached")).code, 0);
    const none = await at.run("add", "hf:org/none::file=x.gguf");
    assert.match(
      none.err,
      /has no x\.gguf in the hub's cache .* llorch models download fetches it/,
    );
  }));

Deno.test(
  `models delete asks, and Ctrl-C means no${hasTerminal ? "" : " (no python3)"}`,
  {
    ignore: !hasTerminal,
  },
  async () => {
    await withHome(async (home, own) => {
      const env = { ...own, LLORCH_MODELS_DIR: home };
      const file = join(home, "t1.gguf");
      writeCounterModel(file, { numbers: 10 });
      const remove = (gesture: Omit<Gesture, "when">) =>
        onTerminal(["models", "delete", "t1"], { when: "[y/N]", ...gesture }, env);
      assert.equal((await remove({ keys: "\x03" })).code, 130);
      assert.equal((await remove({ signal: "SIGTERM" })).code, 130);
      const no = await remove({ keys: "\r" });
      assert.equal(no.code, 1);
      assert.match(no.text, /Nothing was removed/);
      assert.ok((await Deno.stat(file)).isFile);
      assert.equal((await remove({ keys: "y\r" })).code, 0);
      await assert.rejects(Deno.stat(file), Deno.errors.NotFound);
    });
  },
);

Deno.test("models catalog shows ids, and for an unknown one a similar one is suggested", async () => {
  await withHome(async (_, env) => {
    const { out } = await llorch(["models", "catalog"], { env });
    assert.match(out, /^tinyllama +1\.1B +Q4_K_M +638 MiB/m);
    const { code, err } = await llorch(["models", "download", "tinylama"], { env });
    assert.equal(code, 1);
    assert.equal(err, 'llorch: Cannot find the model "tinylama": did you mean tinyllama?\n');
  });
});
