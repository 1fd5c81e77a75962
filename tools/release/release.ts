/**
 * `deno task release [--dry-run] [--target T]… [--runtime KIND] [--out DIR] [--url URL]`: builds
 * and packs this version for every platform, writes its notes, checksums and Homebrew formula, and
 * tags the commit. A dry run does all but the tag, and prints why a release would be refused.
 *
 * @module
 */
import { basename, join, relative, resolve } from "node:path";
import { parseArgs } from "node:util";
import { LlorchError } from "#shared/errors.ts";
import { runMain, UsageError } from "#shared/lifecycle.ts";
import { VERSION } from "#shared/version.ts";
import { digestOf } from "../build/archive.ts";
import { build } from "../build/build.ts";
import { type BuildPlan, planBuild } from "../build/plan.ts";
import { output } from "../build/process.ts";
import { BACKENDS, findTarget, type Target, TARGETS } from "../build/targets.ts";
import { makePackages } from "../package/main.ts";
import { tarballName } from "../package/tarball.ts";
import { ROOT } from "../repo.ts";
import { FORMULA_TARGETS, homebrewFormula } from "./formula.ts";
import { type Notes, notesOf } from "./notes.ts";
import { obstacles } from "./obstacles.ts";

/** Where releases are downloaded from. */
const DOWNLOADS = `https://llorch.org/releases/v${VERSION}`;

interface ReleasePlan {
  readonly isDryRun: boolean;
  readonly targets: readonly Target[];
  readonly runtime: string;
  readonly out: string;
  readonly url: string;
}

async function release(plan: ReleasePlan, say: (line: string) => void): Promise<void> {
  const tag = `v${VERSION}`;
  const notes = notesOf(await Deno.readTextFile(join(ROOT, "CHANGELOG.md")), VERSION);
  const problems = obstacles({
    version: VERSION,
    changes: await git("status", "--porcelain"),
    notes,
    isTagged: await git("tag", "--list", tag) !== "",
    hasAllTargets: plan.targets.length === everyTarget().length,
  });
  if (problems.length > 0 && !plan.isDryRun) {
    throw new LlorchError("CONFLICT", `Cannot release ${VERSION}: ${problems.join("; ")}`);
  }
  const files = await makeFiles(plan, notes, say);
  await writeSums(plan.out, files);
  if (!plan.isDryRun) {
    await git("tag", "--annotate", tag, "--cleanup=verbatim", `--message=${tag}\n\n${notes?.text}`);
    say(`tagged ${tag}: run git push origin ${tag}, and upload the files in ${plan.out}`);
    return;
  }
  for (const problem of problems) say(`a release would be refused: ${problem}`);
  say(`dry run: ${plan.out} holds all of it; nothing is tagged`);
}

/** Builds and packs every platform; returns the files for download. */
async function makeFiles(
  plan: ReleasePlan,
  notes: Notes | undefined,
  say: (line: string) => void,
): Promise<string[]> {
  const files: string[] = [];
  const archives = new Map<string, string>();
  for (const target of plan.targets) {
    const dist = join(plan.out, "dist", target.triple);
    const runtime = target.os === "win32" ? "auto" : plan.runtime;
    await build(releaseBuild(target, dist, runtime), say);
    const kinds = target.os === "linux" ? ["deb", "tarball"] : ["tarball"];
    for (const path of await makePackages(kinds, target, dist, plan.out)) {
      say(path);
      files.push(path);
      if (basename(path) === `${tarballName(VERSION, target.triple)}.tar.gz`) {
        archives.set(target.triple, (await digestOf(path)).sha256);
      }
    }
    for (const name of ["manifest.json", "sbom.cdx.json"]) {
      const path = join(plan.out, `${target.triple}.${name}`);
      await Deno.copyFile(join(dist, name), path);
      files.push(path);
    }
  }
  const write = async (name: string, text: string) => {
    await Deno.writeTextFile(join(plan.out, name), text);
    files.push(join(plan.out, name));
  };
  await write("RELEASE_NOTES.md", `# llorch ${VERSION}\n\n${notes?.text ?? ""}\n`);
  if (FORMULA_TARGETS.every((triple) => archives.has(triple))) {
    await write("llorch.rb", homebrewFormula(VERSION, plan.url, archives));
  }
  return files;
}

/** All executables of a platform, with the worker of each backend. */
export function releaseBuild(target: Target, dist: string, runtime: string): BuildPlan {
  const workers = BACKENDS.filter((backend) => target.backends[backend])
    .flatMap((backend) => ["worker", backend]);
  const where = [`--target=${target.triple}`, `--out=${dist}`, `--runtime=${runtime}`];
  return planBuild(["all", ...workers, ...where], target.triple, ROOT);
}

async function writeSums(out: string, files: readonly string[]): Promise<void> {
  const sums = await Promise.all(
    files.toSorted().map(async (path) =>
      `${(await digestOf(path)).sha256}  ${relative(out, path)}\n`
    ),
  );
  await Deno.writeTextFile(join(out, "SHA256SUMS"), sums.join(""));
}

function git(...args: string[]): Promise<string> {
  return output("git", ["-C", ROOT, ...args]);
}

/** Windows has no portable form: `llorch` is built for it only if `denort` is available. */
function everyTarget(): readonly Target[] {
  return TARGETS.filter(({ os }) => os !== "win32");
}

function parse(args: readonly string[]): ReleasePlan {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        "dry-run": { type: "boolean" },
        target: { type: "string", multiple: true },
        runtime: { type: "string" },
        out: { type: "string" },
        url: { type: "string" },
      },
    });
    return {
      isDryRun: values["dry-run"] ?? false,
      targets: values.target?.map(findTarget) ?? everyTarget(),
      runtime: values.runtime ?? "auto",
      out: resolve(values.out ?? join(ROOT, "dist", `release-${VERSION}`)),
      url: values.url ?? DOWNLOADS,
    };
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError((error as Error).message, { cause: error });
  }
}

if (import.meta.main) {
  Deno.exit(
    await runMain("release", async () => {
      await release(parse(Deno.args), (line) => console.error(line));
      return 0;
    }),
  );
}
