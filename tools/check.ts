/**
 * The repository's gate: format, lint, types, and the checks of our own.
 *
 * @module
 */
import { runDeno } from "./command.ts";
import { LEFT_OUT } from "./repo.ts";

const tool = (name: string, ...args: string[]) => {
  const script = `tools/${name}.ts`;
  return ["run", "--quiet", "--no-prompt", "--frozen", "-P=tools", script, ...args];
};

/** Programs of the conformance tests, with packages of their own. */
const CLIENTS = "tests/conformance/clients";
/** An example with a package of its own. */
const EXAMPLE = "examples/openai-client";

/** The steps in order; those that are quick to fix come first. */
const STEPS: readonly (readonly [name: string, args: readonly string[]])[] = [
  ["format", ["fmt", "--check"]],
  ["lint", ["lint", "--quiet"]],
  ["clients", ["lint", "--quiet", `--config=${CLIENTS}/deno.json`, CLIENTS]],
  ["example", ["lint", "--quiet", `--config=${EXAMPLE}/deno.json`, EXAMPLE]],
  ["types", ["check", "--quiet", "--frozen"]],
  ["boundaries", tool("boundaries")],
  ["one place", tool("one_place")],
  ["metric names", tool("metric_names", "--check")],
  ["dashboards", tool("dashboards", "--check")],
  ["config examples", tool("config_examples")],
  ["guarantees", tool("guarantees")],
  ["test waits", tool("test_waits")],
  ["openapi", tool("openapi", "--check")],
  ["console", tool("console", "--check")],
  ["llama.cpp's interface", tool("llama_abi", "--check")],
  ["cli manual", tool("cli_docs", "--check")],
  ["documents", tool("docs_check", "--no-generated")],
  ["configuration", tool("config_docs", "--check")],
];

/** Runs every step, shows the output of failed ones, and returns how many failed. */
async function check(): Promise<number> {
  const color = { env: Deno.stdout.isTerminal() ? { FORCE_COLOR: "1" } : { NO_COLOR: "1" } };
  let failed = 0;
  for (const [name, args] of STEPS) {
    const began = performance.now();
    const { code, output } = await runDeno(args, color);
    const seconds = ((performance.now() - began) / 1000).toFixed(1);
    const result = code === 0 ? "ok  " : "FAIL";
    const leftOut = output.startsWith(LEFT_OUT) ? `  ${output.trimEnd()}` : "";
    console.log(`${result}  ${name.padEnd(22)}${seconds.padStart(5)} s${leftOut}`);
    if (code === 0) continue;
    failed++;
    console.log(`\n$ deno ${args.join(" ")}\n${output.trimEnd()}\n`);
  }
  return failed;
}

if (import.meta.main) {
  const failed = await check();
  console.log(failed === 0 ? "all checks passed" : `${failed} of ${STEPS.length} checks failed`);
  Deno.exit(failed === 0 ? 0 : 1);
}
