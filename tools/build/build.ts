/**
 * `deno task build [NAME…] [--target T] [--out DIR] [--runtime auto|compile|portable]
 * [--libraries packages|source]`: the executables of one platform, with their manifest.
 *
 * @module
 */
import { join } from "node:path";
import type { RuntimeKind } from "#shared/build_info.ts";
import { errorMessage, LlorchError } from "#shared/errors.ts";
import { runMain } from "#shared/lifecycle.ts";
import { DENO_VERSION, VERSION } from "#shared/version.ts";
import { nativeFiles } from "./app.ts";
import { compileApp } from "./compile.ts";
import { findDenort } from "./denort.ts";
import { installDeno } from "./install.ts";
import { describe, type ManifestEntry, writeManifest } from "./manifest.ts";
import { needsOf } from "./native.ts";
import { type Artifact, type BuildPlan, planBuild } from "./plan.ts";
import { packDeno, writePortable } from "./portable.ts";
import { prepareApp } from "./prepare.ts";
import { output } from "./process.ts";
import { type Commit, copySources, readCommit } from "./source.ts";
import { defaultBackend } from "./targets.ts";

/** Makes the files of a plan; returns their entries of the manifest. */
export async function build(
  plan: BuildPlan,
  say: (line: string) => void,
): Promise<readonly ManifestEntry[]> {
  const work = await makeWorkFolder(plan.out);
  try {
    const commit = await readCommit();
    const runtime = await chooseRuntime(plan, say);
    const source = join(work, "source");
    await copySources(source, commit, runtime.kind);
    const makeApp = (artifact: Artifact) => prepareApp(artifact, plan, source, work, say);
    if (runtime.kind === "portable") say(`Fetching and packing deno for ${plan.target.triple}`);
    const deno = runtime.kind === "portable" ? await prepareDeno(plan, commit, work) : undefined;
    const done = join(work, "done");
    await Deno.mkdir(done);
    const entries: ManifestEntry[] = [];
    for (const artifact of plan.artifacts) {
      const file = artifact.file + (plan.target.os === "win32" ? ".exe" : "");
      const path = join(done, file);
      const app = await makeApp(artifact);
      say(`${artifact.file}: packing`);
      if (deno) await writePortable(artifact, plan.target, commit, app, deno.packed, path);
      else await compileApp(artifact.executable, plan.target, app, path, runtime.env);
      await checkRuns(artifact, plan, path, join(work, "run"));
      const needs = await needsOf([deno?.path ?? path, ...await nativeFiles(app)]);
      const kind = runtime.kind;
      const entry = await describe(artifact, file, path, plan.target, commit, kind, needs);
      const isSource = artifact.backend !== undefined && plan.libraries === "source";
      entries.push(isSource ? { ...entry, libraries: "source" } : entry);
    }
    // Only now, so that a build that is stopped leaves the old files, and none without a manifest.
    for (const { file, size_bytes } of entries) {
      const path = join(plan.out, file);
      await Deno.rename(join(done, file), path);
      say(`${path}  ${(size_bytes / 1e6).toFixed(1)} MB, ${runtime.kind}`);
    }
    await linkDefaultWorker(plan, entries);
    await writeManifest(plan.out, entries);
    return entries;
  } finally {
    await Deno.remove(work, { recursive: true });
  }
}

/** @throws {LlorchError} if the folder cannot be written */
async function makeWorkFolder(out: string): Promise<string> {
  try {
    await Deno.mkdir(out, { recursive: true });
    return await Deno.makeTempDir({ dir: out, prefix: ".build-" });
  } catch (error) {
    throw new LlorchError(
      "FORBIDDEN",
      `Cannot write to the folder ${out}: ${errorMessage(error)}; choose another with --out`,
      { cause: error },
    );
  }
}

/** The kind of runtime to use, and the environment that deno needs for it. */
async function chooseRuntime(
  plan: BuildPlan,
  say: (line: string) => void,
): Promise<{ kind: RuntimeKind; env: Record<string, string> }> {
  if (plan.runtime === "portable") return { kind: "portable", env: {} };
  const denort = await findDenort(plan.target);
  if (denort.kind === "found") return { kind: "compile", env: denort.env };
  if (plan.runtime === "compile" || plan.target.os === "win32") {
    throw new LlorchError("NOT_FOUND", `Cannot compile: ${denort.reason}`);
  }
  say(`warning: building portable executables, since there is no denort: ${denort.reason}`);
  return { kind: "portable", env: {} };
}

async function prepareDeno(plan: BuildPlan, commit: Commit, work: string) {
  const path = await installDeno(plan.target, join(work, "runtime"));
  return { path, packed: await packDeno(path, work, commit) };
}

/**
 * Runs the executables for this machine to test them, since a wrong base program would make a wrong
 * executable.
 */
async function checkRuns(
  artifact: Artifact,
  plan: BuildPlan,
  path: string,
  runtimeDir: string,
): Promise<void> {
  if (plan.target.triple !== Deno.build.target) return;
  const said = await output(path, ["--version"], { env: { LLORCH_RUNTIME_DIR: runtimeDir } })
    .catch((error) => errorMessage(error));
  if (said.startsWith(`${artifact.executable} ${VERSION}`)) return;
  throw new LlorchError(
    "INTERNAL",
    `Cannot use what was made: ${artifact.file} --version says "${said.split("\n")[0]}"; is ` +
      `DENORT_BIN denort ${DENO_VERSION}?`,
  );
}

/** If the default backend was built, `llorch-candled` is a link to it. */
async function linkDefaultWorker(
  plan: BuildPlan,
  entries: readonly ManifestEntry[],
): Promise<void> {
  const entry = entries.find(({ backend }) => backend === defaultBackend(plan.target));
  if (entry?.backend === undefined) return;
  const link = join(plan.out, "llorch-candled");
  await Deno.remove(link).catch(() => {});
  await Deno.symlink(entry.file, link);
}

if (import.meta.main) {
  Deno.exit(
    await runMain("build", async () => {
      const plan = planBuild(Deno.args, Deno.build.target, Deno.cwd());
      await build(plan, (line) => console.error(line));
      return 0;
    }),
  );
}
