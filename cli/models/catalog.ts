import { parseToml } from "#shared/config/toml.ts";
import type { CatalogModel } from "#shared/models/catalog.ts";
import text from "../../catalog/catalog.toml" with { type: "text" };

/**
 * The models that llorch knows by a short name. A test checks the shipped text against the schema
 * of `shared/models/catalog.ts`; loading that schema here would double the time of `models
 * catalog`.
 */
export function readCatalog(): readonly CatalogModel[] {
  return parseToml(text, "catalog.toml")["models"] as unknown as readonly CatalogModel[];
}

/** The model with this id. */
export function catalogModel(id: string): CatalogModel | undefined {
  return readCatalog().find((model) => model.id === id);
}
