import { join } from "node:path";
import { type ScriptModelOptions, writeScriptModel } from "../../support/script_model.ts";
import { FAMILIES, type Family, SCRIPTS, scriptsOf } from "./families.ts";

/**
 * Writes a model of a family, with its real template.
 *
 * @param source Folder of llama.cpp's source.
 * @param scripts What it says; default: {@linkcode scriptsOf} the family.
 * @param more Other properties of the model.
 */
export async function writeFamily(
  path: string,
  family: Family,
  source: string,
  scripts: readonly (string | readonly string[])[] = SCRIPTS.map((name) => scriptsOf(family)[name]),
  more: Pick<ScriptModelOptions, "context" | "runsOf"> = {},
): Promise<void> {
  const file = join(source, "models/templates", `${family.template}.jinja`);
  const template = await Deno.readTextFile(file);
  writeScriptModel(path, { ...family, template, scripts, ...more });
}

/** A family by its name. */
export function familyOf(name: string): Family {
  const family = FAMILIES.find((each) => each.name === name);
  if (!family) throw new RangeError(`There is no family "${name}"`);
  return family;
}
