import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { UsageError } from "../lifecycle.ts";
import { parseCatalog } from "#shared/models/catalog.ts";
import { readGguf } from "#shared/models/gguf.ts";

const FILE = "catalog/catalog.toml";
const shipped = () => parseCatalog(Deno.readTextFileSync(FILE), FILE);

const entry = [
  "[[models]]",
  'id = "x"',
  'name = "X"',
  'source = "hf:org/x::file=x.gguf"',
  "size_bytes = 1",
  `sha256 = "${"0".repeat(64)}"`,
  'licence = "MIT"',
  "parameters = 1",
  'quantisation = "F16"',
  "context = 1",
  "memory_gib = 0.1",
].join("\n");

Deno.test("the shipped catalog has the demo model and at least 20 others from 0.1B to 70B", () => {
  const models = shipped();
  const ids = models.map(({ id }) => id);
  assert.ok(ids.includes("demo") && ids.includes("tinyllama"));
  const others = models.filter(({ source }) => source !== undefined);
  assert.ok(others.length >= 20);
  const sizes = others.map(({ parameters }) => parameters / 1e9);
  assert.ok(Math.min(...sizes) < 0.2 && Math.max(...sizes) >= 70);
  assert.deepEqual(sizes, sizes.toSorted((a, b) => a - b), "smallest first");
});

Deno.test("no two models of the catalog have the same hash or file", () => {
  for (const key of ["sha256", "source"] as const) {
    const values = shipped().map((model) => model[key]).filter((value) => value !== undefined);
    assert.equal(new Set(values).size, values.length, key);
  }
});

Deno.test("a model of the catalog needs more memory than its file is long", () => {
  for (const { id, size_bytes = 0, memory_gib } of shipped()) {
    assert.ok(memory_gib * 2 ** 30 > size_bytes, id);
  }
});

Deno.test("the catalog's entry of the shipped model is right", async () => {
  for (const model of shipped()) {
    if (model.file === undefined) continue;
    const path = join("catalog", model.file);
    const content = await Deno.readFile(path);
    assert.equal(content.length, model.size_bytes);
    assert.equal(createHash("sha256").update(content).digest("hex"), model.sha256);
    const info = await readGguf(path);
    assert.equal(info.name, model.name);
    assert.equal(info.contextLength, model.context);
    assert.equal(info.quantization, model.quantisation);
  }
});

Deno.test("the demo's model card has the size and digest of the shipped file", async () => {
  const card = (await Deno.readTextFile("catalog/demo/README.md")).replaceAll(
    /(?<=\d) (?=\d{3}\b)/g,
    "",
  );
  for (const { file, size_bytes, sha256 } of shipped()) {
    if (file === undefined) continue;
    assert(card.includes(`\`demo.gguf\`: ${size_bytes} bytes, SHA-256 \`${sha256}\``));
  }
});

Deno.test("a wrong entry is refused with file and field", () => {
  const refuse = (text: string, message: RegExp) =>
    assert.throws(
      () => parseCatalog(text, "c.toml"),
      (error) => error instanceof UsageError && message.test(error.message),
      `must be refused with ${message}`,
    );
  assert.equal(parseCatalog(entry, "c.toml").length, 1);
  refuse("[[models]", /^c\.toml:1: /);
  refuse(`${entry}\n${entry}`, /^c\.toml: models\.1\.id must be given once: found "x" again$/);
  refuse(`${entry}\nfile = "x.gguf"`, /models\.0\.file exactly one of file and source/);
  refuse(entry.replace(/source.*\n/, ""), /models\.0\.file exactly one of file and source/);
  refuse(entry.replace(/source.*/, 'file = "../x.gguf"'), /file must be a path below the catalog$/);
  refuse(entry.replace(/source.*/, 'source = "x"'), /source must be a hf reference: found "x"$/);
  refuse(entry.replace("::file=x.gguf", ""), /source must name the file: ::file=x\.gguf$/);
  const ships = entry.replace(/source.*/, 'file = "x.gguf"');
  refuse(ships.replace(/sha256.*\n/, ""), /sha256 is needed for a model that ships$/);
  refuse(entry.replace("licence", "license"), /models\.0\.license is not a known field/);
});
