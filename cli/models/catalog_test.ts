import assert from "node:assert/strict";
import { parseCatalog } from "#shared/models/catalog.ts";
import { catalogModel, readCatalog } from "./catalog.ts";

Deno.test("readCatalog() says what the schema reads of the shipped file", async () => {
  const text = await Deno.readTextFile(new URL("../../catalog/catalog.toml", import.meta.url));
  const plain = JSON.parse(JSON.stringify(readCatalog()));
  assert.deepEqual(plain, parseCatalog(text, "catalog.toml"));
});

Deno.test("catalogModel() finds a model by its id alone", () => {
  assert.equal(catalogModel("tinyllama")?.name, "TinyLlama 1.1B Chat v1.0");
  assert.equal(catalogModel("TinyLlama 1.1B Chat v1.0"), undefined);
});
