/**
 * Checks the documents: links, tasks and command lines that they name, and what is generated.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { join, relative } from "node:path";
import { commands } from "../cli/commands/mod.ts";
import config from "../deno.json" with { type: "json" };
import { runDeno } from "./command.ts";
import { brokenLinks, unknownCommands, unknownTasks } from "./doc_rules.ts";
import { report, ROOT, SKIPPED } from "./repo.ts";

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
  const problems = [
    ...brokenLinks(pages, (path) => existsSync(join(ROOT, path))),
    ...unknownTasks(pages, Object.keys(config.tasks)),
    ...unknownCommands(pages, commands),
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
