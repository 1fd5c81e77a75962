/**
 * Writes every document that is generated from the code; with `--check` compares them.
 *
 * @module
 */
import { runDeno } from "./command.ts";

/** Tools that write documents and have `--check`. */
export const GENERATORS: readonly string[] = [
  "cli_docs",
  "config_docs",
  "metric_names",
  "openapi",
  "dashboards",
  "console",
];

if (import.meta.main) {
  let isGood = true;
  for (const name of GENERATORS) {
    const args = ["run", "--quiet", "--no-prompt", "-P=tools", `tools/${name}.ts`, ...Deno.args];
    const { code, output } = await runDeno(args);
    console.log(output.trim());
    isGood &&= code === 0;
  }
  Deno.exit(isGood ? 0 : 1);
}
