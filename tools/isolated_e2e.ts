/**
 * Runs the e2e suite against built executables in a minimal environment: an account with only the
 * launcher's tools on its PATH, an empty cache, and no network but loopback.
 *
 * Takes the executables' folder from `LLORCH_BIN_DIR`; without it they are built. Needs root and
 * Linux.
 *
 * @module
 */
import { dirname, join, resolve } from "node:path";
import { build } from "./build/build.ts";
import { planBuild } from "./build/plan.ts";
import { output } from "./build/process.ts";
import { ROOT } from "./repo.ts";

/** The only programs that a portable executable may call. */
const TOOLS = [
  ...["sh", "tail", "head", "gzip", "tar", "sha256sum", "cut", "diff"],
  ...["mkdir", "mv", "rm", "readlink"],
];

/** The tests and what they import; the configuration names the console's. */
const PARTS = [
  ...["shared", "tests", "catalog", "deno.json", "deno.lock", "package.json"],
  "daemons/orchestratord/console/web/deno.json",
];

/** The account `nobody`. */
const NOBODY = "65534";

/** Why this cannot run here; undefined if it can. */
async function obstacle(): Promise<string | undefined> {
  if (Deno.build.os !== "linux") return "needs Linux";
  if (Deno.uid() !== 0) return "needs root for a network namespace and another account";
  try {
    await output("unshare", ["--net", "ip", "link", "set", "lo", "up"]);
  } catch (error) {
    return `needs network namespaces, unshare and ip: ${(error as Error).message.split("\n")[0]}`;
  }
}

async function main(): Promise<number> {
  const reason = await obstacle();
  if (reason !== undefined) {
    console.log(`skipped: ${reason}`);
    return 0;
  }
  const world = await Deno.makeTempDir({ prefix: "llorch-isolated-" });
  try {
    await furnish(world);
    const { code } = await new Deno.Command("unshare", {
      args: [
        "--net",
        "sh",
        "-ec",
        `ip link set lo up; exec setpriv --reuid=${NOBODY} --regid=${NOBODY} --clear-groups "$@"`,
        "sh",
        "env",
        "-i",
        `PATH=${world}/path`,
        `HOME=${world}/home`,
        `TMPDIR=${world}/home`,
        `LLORCH_BIN_DIR=${world}/bin`,
        "NO_COLOR=1",
        `${world}/deno`,
        "test",
        "--quiet",
        "--no-check",
        "--cached-only",
        "-P=tools",
        "tests/e2e",
      ],
      cwd: `${world}/repository`,
    }).spawn().status;
    return code;
  } finally {
    await Deno.remove(world, { recursive: true });
  }
}

/** Puts everything that the run needs into one folder that every account may read. */
async function furnish(world: string): Promise<void> {
  await Deno.chmod(world, 0o755);
  for (const folder of ["path", "home", "bin", "repository"]) await Deno.mkdir(join(world, folder));
  for (const tool of TOOLS) {
    await Deno.symlink(await output("sh", ["-c", `command -v ${tool}`]), join(world, "path", tool));
  }
  const given = Deno.env.get("LLORCH_BIN_DIR");
  const bin = given === undefined ? join(world, "built") : resolve(given);
  if (given === undefined) {
    const plan = planBuild(["--out", bin], Deno.build.target, ROOT);
    await build(plan, (line) => console.error(line));
  }
  await output("cp", ["-a", `${bin}/.`, join(world, "bin")]);
  await Deno.copyFile(Deno.execPath(), join(world, "deno"));
  const files = await output("git", ["-C", ROOT, "ls-files", "-z", "--", ...PARTS]);
  for (const file of files.split("\0").filter((each) => each !== "")) {
    await Deno.mkdir(dirname(join(world, "repository", file)), { recursive: true });
    await Deno.copyFile(join(ROOT, file), join(world, "repository", file));
  }
  await output("cp", ["-a", join(ROOT, "node_modules"), join(world, "repository")]);
  await output("chown", [
    "-R",
    `${NOBODY}:${NOBODY}`,
    join(world, "home"),
    join(world, "repository"),
  ]);
}

if (import.meta.main) Deno.exit(await main());
