/**
 * Writes the console's script and style sheet for browsers, and what it knows of the catalog, or with
 * `--check` compares them. They are committed, so that orchestratord runs from source without a build (docs/adr/0017-console.md).
 *
 * @module
 */
import { join } from "node:path";
import { parseToml } from "#shared/config/toml.ts";
import type { CatalogModel } from "#shared/models/catalog.ts";
import { runDeno } from "./command.ts";
import { generated, report, ROOT } from "./repo.ts";

const FOLDER = "daemons/orchestratord/console";

/** The models of the catalog that can be downloaded, as the console shows them. */
async function catalog(): Promise<string> {
  const text = await Deno.readTextFile(join(ROOT, "catalog/catalog.toml"));
  const models = parseToml(text, "catalog.toml")["models"] as unknown as readonly CatalogModel[];
  const shown = models.filter(({ source }) => source !== undefined)
    .map(({ id, name, size_bytes = null, memory_gib, context, licence }) => ({
      ...{ id, name, size_bytes, memory_gib, context, licence },
    }));
  return `${JSON.stringify(shown, undefined, 2)}\n`;
}

/** The script with all its imports. */
async function script(): Promise<string> {
  const file = await Deno.makeTempFile({ suffix: ".js" });
  try {
    const { code, output } = await runDeno([
      "bundle",
      "--quiet",
      "--frozen",
      "--platform=browser",
      "--minify",
      `--output=${file}`,
      join(ROOT, FOLDER, "web/main.tsx"),
    ]);
    if (code !== 0) throw new Error(output);
    return await Deno.readTextFile(file);
  } finally {
    await Deno.remove(file);
  }
}

/** The style sheet: uPlot's, then ours. */
async function style(): Promise<string> {
  const uplot = join(ROOT, "node_modules/uplot/dist/uPlot.min.css");
  const own = join(ROOT, FOLDER, "web/style.css");
  return `${(await Deno.readTextFile(uplot)).trim()}\n${await Deno.readTextFile(own)}`;
}

if (import.meta.main) {
  const isCheck = Deno.args.includes("--check");
  const problems = [
    // First: the script contains it.
    ...generated(`${FOLDER}/web/catalog.json`, await catalog(), isCheck),
    ...generated(`${FOLDER}/assets/app.js`, await script(), isCheck),
    ...generated(`${FOLDER}/assets/app.css`, await style(), isCheck),
  ];
  report(problems.map((each) => `${each}: run deno task console`), "console");
}
