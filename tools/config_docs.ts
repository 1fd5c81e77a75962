/**
 * Writes `docs/configuration.md` from the configuration of the daemons, or with `--check` compares.
 *
 * @module
 */
import type { z } from "zod";
import { configSpec as orchestratord } from "../daemons/orchestratord/config.ts";
import { configSpec as poolManagerd } from "../daemons/pool-managerd/config.ts";
import { configSpec as worker } from "../daemons/worker/config.ts";
import type { ConfigSpec } from "#shared/config/spec.ts";
import { configPage, type DaemonKeys } from "./config_page.ts";
import { configKeys } from "#shared/config/schema.ts";
import { formatted } from "./formatted.ts";
import { generated, report } from "./repo.ts";

const PAGE = "docs/configuration.md";

function keysOf<S extends z.ZodObject>(spec: ConfigSpec<S>, example?: string): DaemonKeys {
  const { program, summary, defaultFile, schema } = spec;
  return { program, summary, file: defaultFile, example, keys: configKeys(schema) };
}

if (import.meta.main) {
  const daemons = [
    keysOf(orchestratord, "../daemons/orchestratord/orchestrator.example.toml"),
    keysOf(poolManagerd, "../daemons/pool-managerd/pool-manager.example.toml"),
    keysOf(worker),
  ];
  const text = await formatted(configPage(daemons));
  const count = daemons.reduce((sum, { keys }) => sum + keys.length, 0);
  report(generated(PAGE, text, Deno.args.includes("--check")), `${count} settings`);
}
