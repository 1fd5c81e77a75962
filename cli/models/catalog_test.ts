import assert from "node:assert/strict";
import { parseCatalog } from "#shared/models/catalog.ts";
import { catalogModel, readCatalog } from "./catalog.ts";

Deno.test("readCatalog() returns the same as the schema for the shipped file", async () => {
  const text = await Deno.readTextFile(new URL("../../catalog/catalog.toml", import.meta.url));
  const plain = JSON.parse(JSON.stringify(readCatalog()));
  assert.deepEqual(plain, parseCatalog(text, "catalog.toml"));
});

Deno.test("catalogModel() finds a model only by its id", () => {
  assert.equal(catalogModel("tinyllama")?.name, "TinyLlama 1.1B Chat v1.0");
  assert.equal(catalogModel("TinyLlama 1.1B Chat v1.0"), undefined);
});
