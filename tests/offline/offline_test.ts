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

/** What README.txt in the archive says, on ports of the test's own. */
const STEPS = `
  ip link set lo up 2> /dev/null || true
  cd "$HOME" && tar xzf /bundle.tar.gz && cd llorch-offline-*
  sha256sum --quiet -c SHA256SUMS
  ./install.sh
  export PATH="$HOME/.local/bin:$PATH"
  orchestratord --port=18080 > orchestratord.log & one=$!
  pool-managerd --port=19200 --worker-port-base=0 --orchestrator-url=http://127.0.0.1:18080 \\
    --models-dirs=share/llorch/models > pool-managerd.log & two=$!
  export LLORCH_ORCHESTRATOR_URL=http://127.0.0.1:18080
  until llorch orchestrator jobs submit -q --model demo -n 1 x > /dev/null 2>&1; do
    kill -0 $one; kill -0 $two; sleep 0.2
  done
  llorch orchestrator jobs submit --model demo --chat "Tell me a story about a fox named Ada."
  kill $two; wait $two; kill $one; wait $one
`;

Deno.test({
  name: "the offline archive brings a bare account without a network to a streaming answer",
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
      await Deno.mkdir(join(dir, "home"));
      await output("chown", ["65534:65534", join(dir, "home")]);
      const said = await output("unshare", [
        ...["--net", "sh", "-ec", 'ip link set lo up; exec "$@"', "sh"],
        ...["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"],
        ...["env", "-i", `HOME=${join(dir, "home")}`, "PATH=/usr/bin:/bin"],
        ...["sh", "-euc", STEPS.replace("/bundle.tar.gz", bundle)],
      ]);
      assert.match(said, /Ada/);
    } finally {
      await Deno.remove(dir, { recursive: true });
    }
  },
});
