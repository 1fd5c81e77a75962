/**
 * Checks the documents: their links, tasks, command lines and settings, and generated documents.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { join, relative } from "node:path";
import type { z } from "zod";
import type { ConfigSpec } from "#shared/config/spec.ts";
import { configKeys } from "#shared/config/schema.ts";
import { commands } from "../cli/commands/mod.ts";
import { FIXED_KEYS } from "../cli/config/keys.ts";
import { configSpec as orchestratord } from "../daemons/orchestratord/config.ts";
import { configSpec as poolManagerd } from "../daemons/pool-managerd/config.ts";
import { configSpec as worker } from "../daemons/worker/config.ts";
import config from "../deno.json" with { type: "json" };
import { runDeno } from "./command.ts";
import { brokenLinks, unknownCommands, unknownTasks } from "./doc_rules.ts";
import { report, ROOT, SKIPPED } from "./repo.ts";
import { type DaemonSettings, unknownFlags, unknownKeys } from "./setting_rules.ts";

/** Flags of every daemon besides its keys. */
const COMMON_FLAGS = ["config", "check-config", "help", "version"];

function settingsOf<S extends z.ZodObject>(spec: ConfigSpec<S>): DaemonSettings {
  const { program, schema, extraFlags = {}, commands = {} } = spec;
  const own = Object.values(commands).flatMap(({ flags = {} }) => Object.keys(flags));
  return {
    program,
    keys: configKeys(schema),
    flags: [...COMMON_FLAGS, ...Object.keys(extraFlags), ...own],
  };
}

function* markdownFiles(dir: string): Generator<string> {
  for (const { name, isDirectory } of Deno.readDirSync(dir)) {
    const path = join(dir, name);
    if (isDirectory) {
      if (!name.startsWith(".") && !SKIPPED.has(name)) yield* markdownFiles(path);
    } else if (name.endsWith(".md")) yield path;
  }
}

if (import.meta.main) {
  const pages = new Map(
    [...markdownFiles(ROOT)].sort().map((path) => [
      relative(ROOT, path).replaceAll("\\", "/"),
      Deno.readTextFileSync(path),
    ]),
  );
  const daemons = [settingsOf(orchestratord), settingsOf(poolManagerd), settingsOf(worker)];
  // `llorch` has settings of its own, and its flags are checked elsewhere.
  const llorch: DaemonSettings = { program: "llorch config", keys: FIXED_KEYS, flags: [] };
  const problems = [
    ...brokenLinks(pages, (path) => existsSync(join(ROOT, path))),
    ...unknownTasks(pages, Object.keys(config.tasks)),
    ...unknownCommands(pages, commands),
    ...unknownFlags(pages, daemons),
    ...unknownKeys(pages, [...daemons, llorch]),
  ];
  if (!Deno.args.includes("--no-generated")) {
    const { code, output } = await runDeno([
      "run",
      "--quiet",
      "-P=tools",
      "tools/docs.ts",
      "--check",
    ]);
    if (code !== 0) problems.push(output.trim());
  }
  report(problems, `${pages.size} pages`);
}
