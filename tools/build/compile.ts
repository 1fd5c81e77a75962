import { existsSync } from "node:fs";
import { join } from "node:path";
import { errorMessage, LlorchError } from "#shared/errors.ts";
import type { ExecutableName } from "#shared/executables.ts";
import { YOUNG_HEAP_FLAG } from "#shared/for_llama.ts";
import { run } from "./process.ts";
import type { Target } from "./targets.ts";

/**
 * Compiles a bundled program into one executable.
 *
 * @param app Folder with `main.js`, `deno.json` and, for a worker, its threads' modules and the libraries in
 * `llama` and, where it sees, in `media`.
 * @param env Environment with the path of `denort`.
 * @returns deno's list of embedded files
 * @throws {LlorchError} with deno's error
 */
export async function compileApp(
  executable: ExecutableName,
  target: Target,
  app: string,
  path: string,
  env: Record<string, string>,
): Promise<string> {
  try {
    return await compile(executable, target, app, path, env);
  } catch (error) {
    throw new LlorchError("INTERNAL", `Cannot compile ${executable}: ${errorMessage(error)}`);
  }
}

async function compile(
  executable: ExecutableName,
  target: Target,
  app: string,
  path: string,
  env: Record<string, string>,
): Promise<string> {
  const isWorker = executable === "llorch-candled";
  const seen = existsSync(join(app, "media")) ? ["media"] : [];
  const { stderr } = await run(Deno.execPath(), [
    "compile",
    "--no-check",
    "--no-lock",
    `--permission-set=${executable}`,
    `--target=${target.triple}`,
    `--output=${path}`,
    // The program unpacks the libraries itself; its threads are entries of their own. What is compiled
    // reads no DENO_V8_FLAGS.
    ...(isWorker
      ? [
        ...["llama", "thread.js", "decoder.js", ...seen].map((each) => `--include=${each}`),
        `--v8-flags=${YOUNG_HEAP_FLAG}`,
      ]
      : []),
    join(app, "main.js"),
  ], { cwd: app, env: { ...env, NO_COLOR: "1" } });
  return stderr;
}
