/**
 * Writes `docs/cli.md` and the manual pages in `docs/man/` from the commands of `llorch` and the
 * configuration of the daemons, or with
 * `--check` compares.
 *
 * @module
 */
import { join } from "node:path";
import { commands } from "../cli/commands/mod.ts";
import { markdownManual } from "../cli/manual/markdown.ts";
import { manPages } from "../cli/manual/roff.ts";
import { configSpec as orchestratord } from "../daemons/orchestratord/config.ts";
import { configSpec as poolManagerd } from "../daemons/pool-managerd/config.ts";
import { configSpec as worker } from "../daemons/worker/config.ts";
import { VERSION } from "#shared/version.ts";
import { daemonPage } from "./daemon_man.ts";
import { formatted } from "./formatted.ts";
import { generated, report, ROOT } from "./repo.ts";

const MAN = "docs/man";

/** Manual pages of commands that are gone. */
function leftovers(files: readonly string[], isCheck: boolean): string[] {
  const here = [...Deno.readDirSync(join(ROOT, MAN))].map(({ name }) => name);
  const old = here.filter((name) => !files.includes(name));
  if (isCheck) return old.map((name) => `${MAN}/${name} is of no command`);
  for (const name of old) Deno.removeSync(join(ROOT, MAN, name));
  return [];
}

if (import.meta.main) {
  const isCheck = Deno.args.includes("--check");
  const pages = [
    ...manPages(commands, VERSION),
    daemonPage(orchestratord, VERSION, ["pool-managerd(8)", "llorch(1)"]),
    daemonPage(poolManagerd, VERSION, ["orchestratord(8)", "llorch-candled(8)", "llorch(1)"]),
    daemonPage(worker, VERSION, ["pool-managerd(8)"]),
  ];
  report([
    ...generated("docs/cli.md", await formatted(markdownManual(commands)), isCheck),
    ...pages.flatMap(({ file, text }) => generated(`${MAN}/${file}`, text, isCheck)),
    ...leftovers(pages.map(({ file }) => file), isCheck),
  ], `${pages.length} manual pages and docs/cli.md`);
}
