import assert from "node:assert/strict";
import { join } from "node:path";
import { LlorchError } from "../errors.ts";
import { type Manifest, manifestReference, readManifest } from "#shared/models/manifest.ts";

const complete: Manifest = {
  id: "tiny",
  repo: "org/tiny-gguf",
  revision: "main",
  file: "q4/tiny.gguf",
  size_bytes: 1234,
  sha256: "a".repeat(64),
  aliases: ["tiny:latest"],
  verified_at: "2026-01-02T03:04:05Z",
};

async function withManifest(content: string, body: (model: string) => Promise<void>) {
  const dir = await Deno.makeTempDir({ prefix: "llorch-test-" });
  try {
    const model = join(dir, "x.gguf");
    await Deno.writeTextFile(`${model}.json`, content);
    await body(model);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

async function refusal(content: string): Promise<string> {
  let message = "";
  await withManifest(content, (model) =>
    assert.rejects(readManifest(model), (error) => {
      assert(error instanceof LlorchError);
      assert.equal(error.code, "INVALID_REQUEST");
      assert.match(error.message, /^Cannot read manifest ".*x\.gguf\.json": /);
      message = error.message.replace(/^.*?": /, "");
      return true;
    }));
  return message;
}

Deno.test("a manifest is read from beside its model", () =>
  withManifest(JSON.stringify(complete), async (model) => {
    assert.deepEqual(await readManifest(model), complete);
  }));

Deno.test("a manifest needs no more than id and size", () =>
  withManifest('{"id":"own","size_bytes":5}', async (model) => {
    assert.deepEqual(await readManifest(model), { id: "own", size_bytes: 5, aliases: [] });
  }));

Deno.test("a model without a manifest has none", async () => {
  assert.equal(await readManifest("/nowhere/x.gguf"), undefined);
});

Deno.test("a broken manifest is refused with file and field", async () => {
  const wrong = (change: object) => refusal(JSON.stringify({ ...complete, ...change }));
  assert.equal(await refusal("{"), "it is not JSON");
  assert.match(await refusal("[]"), /expected object/);
  assert.match(await wrong({ sha256: "abc" }), /^sha256 must be 64 lower-case hex digits/);
  assert.match(await wrong({ size_bytes: -1 }), /^size_bytes /);
  assert.match(await wrong({ id: undefined }), /^id /);
  assert.match(await wrong({ id: "hf:a/b" }), /^id must be a name reference: found "hf:a\/b"/);
  assert.match(await wrong({ aliases: ["ok", "not ok"] }), /^aliases\.1 .*"not ok"/);
  assert.match(await wrong({ repo: "../x" }), /^repo .*organisation "\.\." is not/);
  assert.match(await wrong({ file: "../x.gguf" }), /^repo .*file "\.\.\/x\.gguf" is not/);
  assert.match(await wrong({ repo: undefined, file: undefined }), /^revision needs a repo/);
  assert.match(await wrong({ sha: "x" }), /^sha is not a known field/);
  assert.match(await refusal(" ".repeat(70_000)), /larger than 65536 bytes/);
});

Deno.test("the reference of a manifest has all fields of the manifest", () => {
  assert.equal(manifestReference(complete), "hf:org/tiny-gguf@main::file=q4/tiny.gguf");
  assert.equal(manifestReference({ repo: "org/tiny" }), "hf:org/tiny");
});
