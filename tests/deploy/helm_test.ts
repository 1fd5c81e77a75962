import assert from "node:assert/strict";
import { join } from "node:path";
import { VERSION } from "#shared/version.ts";
import { output, run } from "../../tools/build/process.ts";
import { ROOT } from "../support/stack.ts";

const CHART = join(ROOT, "deploy/helm/llorch");

const hasHelm = await run("helm", ["version"]).then(() => true, () => false);
const helm = { ignore: !hasHelm };
const why = hasHelm ? "" : " (skipped: needs helm)";

/** A helm that was built by itself takes Kubernetes 1.20 as the cluster's version. */
const CLUSTER = "--kube-version=1.31.0";

const VALUES = ["one", "gpu", "cluster", "monitored", "front"];

function template(...args: string[]): Promise<string> {
  return output("helm", ["template", "test", CHART, CLUSTER, ...args]);
}

/** Objects of rendered text, by kind and name. */
function objectsOf(text: string): Map<string, string> {
  return new Map(
    text.split(/^---$/m).flatMap((part) => {
      const kind = /^kind: (\S+)/m.exec(part)?.[1];
      const name = /^metadata:\n {2}name: (\S+)/m.exec(part)?.[1];
      return kind && name ? [[`${kind} ${name}`, part] as const] : [];
    }),
  );
}

Deno.test("the chart has the version of llorch", async () => {
  const chart = await Deno.readTextFile(join(CHART, "Chart.yaml"));
  assert.match(chart, new RegExp(`^version: ${VERSION}$`, "m"));
  assert.match(chart, new RegExp(`^appVersion: ${VERSION}$`, "m"));
});

for (const name of VALUES) {
  const file = join(CHART, "ci", `${name}-values.yaml`);
  Deno.test(`helm finds nothing wrong with the chart and ${name}-values${why}`, helm, async () => {
    await run("helm", ["lint", "--strict", CHART, CLUSTER, `--values=${file}`]);
    const objects = objectsOf(await template(`--values=${file}`));
    const pods = [...objects].filter(([key]) => /^(StatefulSet|DaemonSet) /.test(key));
    assert.equal(pods.length, name === "front" ? 1 : 2);
    for (const [key, text] of pods) {
      assert.match(text, /runAsUser: 65534/, key);
      assert.match(text, /readOnlyRootFilesystem: true/, key);
      const grace = Number(/terminationGracePeriodSeconds: (\d+)/.exec(text)?.[1]);
      const stop = Number(/STOP_DEADLINE_MS\n\s+value: "(\d+)"/.exec(text)?.[1]);
      assert.ok(grace * 1000 > stop + 5_000, key);
      // A token is in a secret alone.
      assert.doesNotMatch(text, /0123456789abcdef/, key);
    }
    const several = name === "cluster";
    const [, orchestrator = ""] = pods.find(([key]) => key.startsWith("StatefulSet ")) ?? [];
    assert.equal(/LLORCH_CLUSTER_REPLICA_ID\n\s+value: \$\(POD_NAME\)/.test(orchestrator), several);
    assert.equal(objects.has("PodDisruptionBudget test-llorch-orchestrator"), several);
  });
}

/** Values without which nothing is rendered. */
const TOKEN = ["--set=token.existingSecret=llorch"];

for (
  const [problem, args, message] of [
    ["no token", [], /token: set token\.existingSecret/],
    [
      "two orchestrators without a store",
      [...TOKEN, "--set=orchestrator.replicas=2"],
      /orchestrator\.replicas is 2: two or more need store\.url/,
    ],
    [
      "a store without a password",
      [...TOKEN, "--set=store.url=postgres://llorch@db/llorch"],
      /store\.passwordSecret: set it/,
    ],
    [
      "a password in the store's URL",
      [...TOKEN, "--set=store.url=postgres://llorch:secret@db/llorch"],
      /store/,
    ],
    [
      "an orchestrator that is killed before its streams end",
      [...TOKEN, "--set=orchestrator.stopDeadlineMs=35000"],
      /orchestrator\.terminationGracePeriodSeconds is 40: it must be longer/,
    ],
    [
      "workers that are killed before their streams end",
      [...TOKEN, "--set=poolManager.workerStopDeadlineMs=50000"],
      /poolManager\.terminationGracePeriodSeconds is 60: it must be longer/,
    ],
    [
      "pool managers without models",
      [...TOKEN, "--set=poolManager.models.hostPath="],
      /poolManager\.models: set hostPath/,
    ],
    ["an unknown value", [...TOKEN, "--set=orchestrator.replica=2"], /replica/],
  ] as const
) {
  Deno.test(`the chart refuses ${problem}${why}`, helm, async () => {
    await assert.rejects(template(...args), message);
  });
}
