import { dirname, join } from "node:path";
import type { BuildInfo, RuntimeKind } from "#shared/build_info.ts";
import { UsageError } from "#shared/lifecycle.ts";
import { ROOT } from "../repo.ts";
import { output } from "./process.ts";

/** The paths that are copied, from which executables are made. */
const PARTS = ["cli", "daemons", "shared", "catalog", "deno.json", "deno.lock", "package.json"];

/** The commit that is built. */
export interface Commit {
  /** The hash's first twelve digits. */
  readonly commit: string;
  readonly date: string;
  /** Time of the commit, or `SOURCE_DATE_EPOCH`, in seconds since 1970. */
  readonly epoch: number;
}

/**
 * Asks git for the commit; with uncommitted changes, its name says so.
 *
 * @throws {UsageError} if `SOURCE_DATE_EPOCH` is not a time
 */
export async function readCommit(env = (name: string) => Deno.env.get(name)): Promise<Commit> {
  const [line, changes] = await Promise.all([
    output("git", ["-C", ROOT, "log", "-1", "--format=%H %ct"]),
    output("git", ["-C", ROOT, "status", "--porcelain", "--", ...PARTS]),
  ]);
  const [hash, committed] = line.split(" ");
  // A fixed number of digits, since git's default depends on settings and on the checkout.
  const short = hash!.slice(0, 12);
  const said = env("SOURCE_DATE_EPOCH") || committed!;
  if (!/^\d{1,11}$/.test(said)) {
    throw new UsageError(
      `SOURCE_DATE_EPOCH is "${said}": set it to seconds since 1970, or leave it out`,
    );
  }
  const epoch = Number(said);
  return {
    commit: changes === "" ? short : `${short}-dirty`,
    date: new Date(epoch * 1000).toISOString().slice(0, 10),
    epoch,
  };
}

/** Copies the sources into a folder, writes the build's facts into them, and installs imports. */
export async function copySources(
  into: string,
  commit: Commit,
  runtime: RuntimeKind,
): Promise<void> {
  const files = await output("git", [
    "-C",
    ROOT,
    "ls-files",
    "-z",
    "--cached",
    "--others",
    "--exclude-standard",
    "--",
    ...PARTS,
  ]);
  for (const file of files.split("\0").filter((each) => each !== "")) {
    await Deno.mkdir(dirname(join(into, file)), { recursive: true });
    await Deno.copyFile(join(ROOT, file), join(into, file));
  }
  const info: BuildInfo = { commit: commit.commit, date: commit.date, runtime };
  const module = join(into, "shared/build_info.ts");
  const source = await Deno.readTextFile(module);
  const marker = "undefined as BuildInfo | undefined";
  if (!source.includes(marker)) throw new Error(`shared/build_info.ts has no "${marker}" any more`);
  await Deno.writeTextFile(module, source.replace(marker, JSON.stringify(info)));
  await output(Deno.execPath(), ["install", "--quiet", "--frozen"], { cwd: into });
}
