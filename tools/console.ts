/**
 * Writes the console's script and style sheet for browsers, or with `--check` compares them. They
 * are committed, so that orchestratord runs from source without a build (docs/adr/0017-console.md).
 *
 * @module
 */
import { join } from "node:path";
import { runDeno } from "./command.ts";
import { generated, report, ROOT } from "./repo.ts";

const FOLDER = "daemons/orchestratord/console";

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
    ...generated(`${FOLDER}/assets/app.js`, await script(), isCheck),
    ...generated(`${FOLDER}/assets/app.css`, await style(), isCheck),
  ];
  report(problems.map((each) => `${each}: run deno task console`), "console");
}
