import assert from "node:assert/strict";
import type { FoundModel } from "#shared/models/scan.ts";
import { poolModel } from "../testdata/records.ts";
import { engineOf, engineSection } from "../engines.ts";
import { settingsOf } from "./load_memory.ts";
import { withOneOfEach } from "./same_content.ts";

function file(name: string, changes: Partial<FoundModel> = {}): FoundModel {
  const { staged: _, ...model } = poolModel();
  const path = `/models/${name}.gguf`;
  return { ...model, model_ref: `file:${path}`, aliases: [name], path, ...changes };
}

const one = async (known: Map<string, string>, ...models: FoundModel[]) =>
  (await withOneOfEach({ models, problems: [] }, known, () => Promise.resolve(true))).models;

Deno.test("a second file with the same content gives the first its names, and does not take its own", async () => {
  const known = new Map<string, string>();
  await one(known, file("demo"));
  const [model, none] = await one(known, file("a-copy"), file("demo"));
  assert.equal(none, undefined);
  assert.equal(model?.path, "/models/demo.gguf");
  assert.deepEqual(model?.aliases, ["demo", "file:/models/a-copy.gguf", "a-copy"]);
  const engine = engineSection.parse({ command: "serve", models: ["demo"] });
  assert.equal(engineOf(model!, { engine }), engine, "an engine is found by any of the names");
  const settings = { llama: {}, models: { "a-copy": { mlock: true, lora: {} } } };
  assert.equal(settingsOf([model!.model_ref, ...model!.aliases], settings).mlock, true);
});

Deno.test("a copy has its own name once the first file is deleted, and other contents are other models", async () => {
  const known = new Map<string, string>();
  const sha256 = "a".repeat(64);
  const other = file("other", { fingerprint: "0".repeat(64) });
  const [first, second] = await one(known, file("demo"), other, file("z-copy", { sha256 }));
  assert.equal(first?.sha256, sha256, "one file's manifest also counts for the other");
  assert.equal(second?.model_ref, "file:/models/other.gguf");
  assert.equal((await one(known, file("z-copy")))[0]?.model_ref, "file:/models/z-copy.gguf");
  assert.deepEqual([...known.values()], ["/models/z-copy.gguf"]);
});

Deno.test("a file with the same fingerprint but other weights is not a copy, and is reported", async () => {
  const files = { models: [file("one"), file("two"), file("also-one")], problems: [] };
  const isAlike = (_: string, other: string) => Promise.resolve(!other.endsWith("two.gguf"));
  const { models, problems } = await withOneOfEach(files, new Map(), isAlike);
  assert.deepEqual(models.map(({ aliases }) => aliases), [
    ["one", "file:/models/also-one.gguf", "also-one"],
  ]);
  assert.deepEqual(problems.map(({ path }) => path), ["/models/two.gguf"]);
  assert.match(
    problems[0]?.message ?? "",
    /same header and size as "\/models\/one.gguf", but other/,
  );
});
