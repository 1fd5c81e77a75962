/**
 * Checks that the shipped example of each config file says every key with its default.
 *
 * @module
 */
import { join } from "node:path";
import type { z } from "zod";
import { configSchema } from "../daemons/orchestratord/config.ts";
import { poolConfig } from "../daemons/pool-managerd/config.ts";
import { exampleProblems } from "./config_example_rules.ts";
import { report, ROOT } from "./repo.ts";

/** llorch-candled has no config file. */
const EXAMPLES: Readonly<Record<string, z.ZodObject>> = {
  "daemons/orchestratord/orchestrator.example.toml": configSchema,
  "daemons/pool-managerd/pool-manager.example.toml": poolConfig,
};

if (import.meta.main) {
  const problems = Object.entries(EXAMPLES).flatMap(([path, schema]) =>
    exampleProblems(Deno.readTextFileSync(join(ROOT, path)), schema)
      .map((problem) => `${path}: ${problem}`)
  );
  report(problems, `${Object.keys(EXAMPLES).length} example files`);
}
