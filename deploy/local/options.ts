import { join } from "node:path";
import { z } from "zod";
import { count, portKey } from "#shared/config/common.ts";
import { PORTS } from "#shared/defaults.ts";
import { checkoutRoot } from "#shared/executables.ts";
import { personModelsDir } from "#shared/models/default_dirs.ts";
import { type Env, homeDir } from "#shared/paths.ts";

/** Options of `deno task up`. */
export const upOptions = z.strictObject({
  port: portKey(PORTS.orchestratord)
    .describe(
      "Port of orchestratord; 0 takes any free one, the default the next one if it is taken",
    ),
  pool_port: portKey(PORTS.poolManagerd)
    .describe(
      "Port of pool-managerd; 0 takes any free one, the default the next one if it is taken",
    ),
  worker_port_base: portKey(PORTS.workerBase).describe("First port of workers; 0 for any free one"),
  state_dir: z.string().min(1).optional()
    .describe(
      "Folder for state; default: a folder for each --port, and a temporary folder for --port 0",
    ),
  models_dir: z.string().min(1).optional()
    .describe("Folder with GGUF files; the demo model is always available as well"),
  model: z.string().min(1).default("demo").describe(
    "Model that is loaded at the start, and answers requests that name none",
  ),
  slots: count(4, "Requests that a worker answers at the same time"),
  context: z.number().int().min(8).optional().describe(
    "Tokens per slot; default: what fits into memory, at most the model's own context and 32768",
  ),
  yes: z.boolean().default(false).describe(
    "Download the model without asking if it is in the catalog and not on this machine",
  ),
  json: z.boolean().default(false).describe(
    "Print one line of JSON on stdout once everything is ready",
  ),
});

/** Validated options. */
export type UpOptions = z.output<typeof upOptions>;

/**
 * Folders in which the local stack looks for models: the person's, then those with the demo model and the
 * stand-ins that the commands of docs/api/guide.md name.
 */
export function modelsDirs(options: UpOptions, env: Env): string[] {
  const root = checkoutRoot();
  return [
    options.models_dir ?? personModelsDir(env),
    ...(root === undefined ? [] : ["demo", "guide"].map((name) => join(root, "catalog", name))),
  ];
}

/**
 * The state folder of the local stack. Stacks on different ports have different folders, and one on
 * a random port keeps no state.
 */
export function stateDir(options: UpOptions, env: Env): { dir: string; temporary: boolean } {
  if (options.state_dir !== undefined) return { dir: options.state_dir, temporary: false };
  if (options.port === 0) {
    return { dir: Deno.makeTempDirSync({ prefix: "llorch-up-" }), temporary: true };
  }
  const state = env("XDG_STATE_HOME") ?? join(homeDir(env), ".local", "state");
  return { dir: join(state, "llorch", `local-${options.port}`), temporary: false };
}
