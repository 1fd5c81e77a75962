import assert from "node:assert/strict";
import { join } from "node:path";
import { build } from "../../tools/build/build.ts";
import { planBuild } from "../../tools/build/plan.ts";
import { output } from "../../tools/build/process.ts";
import { bundleOffline } from "../../tools/offline/bundle.ts";
import { ROOT } from "../support/stack.ts";

async function obstacle(): Promise<string | undefined> {
  if (Deno.build.os !== "linux") return "needs Linux";
  if (Deno.uid() !== 0) return "needs root for a network namespace and another account";
  try {
    await output("unshare", ["--net", "ip", "link", "set", "lo", "up"]);
  } catch {
    return "needs network namespaces, unshare and ip";
  }
}

const reason = await obstacle();
if (reason !== undefined) console.log(`offline_test: skipped, ${reason}`);

/** The steps of README.txt in the archive, unchanged; all ports of the namespace are free. */
const STEPS = `
  cd "$HOME" && tar xzf /bundle.tar.gz && cd llorch-offline-*
  sha256sum --quiet -c SHA256SUMS
  @README@
  # Both end with the shell that started them.
  jobs -p > pids
  kill $(tail -n 1 pids); wait $(tail -n 1 pids); kill $(head -n 1 pids); wait $(head -n 1 pids)
`;

/** The first lines of README.txt that a person types. */
async function typedLines(): Promise<string> {
  const readme = await Deno.readTextFile(join(ROOT, "tools/offline/README.txt"));
  return /^ {4}[^]*?(?=\n\n)/m.exec(readme)![0];
}

Deno.test({
  name: "with the offline archive, a new account without a network gets a streaming answer",
  ignore: reason !== undefined,
  async fn() {
    const dir = await Deno.makeTempDir({ prefix: "llorch-test-" });
    try {
      await Deno.chmod(dir, 0o755);
      const plan = planBuild(
        ["--runtime=portable", "--out", join(dir, "dist")],
        Deno.build.target,
        ROOT,
      );
      await build(plan, () => {});
      const bundle = await bundleOffline(plan.target, plan.out, join(dir, "out"));
      const lines = await typedLines();
      await Deno.mkdir(join(dir, "home"));
      await output("chown", ["65534:65534", join(dir, "home")]);
      const steps = STEPS.replace("/bundle.tar.gz", bundle)
        .replace("@README@", () => lines);
      const printed = await output("unshare", [
        ...["--net", "sh", "-ec", 'ip link set lo up; exec "$@"', "sh"],
        ...["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"],
        ...["env", "-i", `HOME=${join(dir, "home")}`, "PATH=/usr/bin:/bin"],
        ...["timeout", "120", "sh", "-euc", steps],
      ]);
      const story = printed.split("\n").filter((line) => !line.startsWith("{")).join("\n");
      assert.match(story, /Ada/);
    } finally {
      await Deno.remove(dir, { recursive: true });
    }
  },
});
