/**
 * The GPU check as far as it goes without a card: its script, its plan and its comparisons. What it does on
 * a card is not tested here; `tests/gpu/check.sh --cpu` runs all of its steps without one.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { UsageError } from "#shared/lifecycle.ts";
import { runProgram, type RunResult } from "#shared/run_program.ts";
import { ROOT } from "../support/stack.ts";
import { CPU_OPTIONS, cudaOptions } from "./build_options.ts";
import { tool } from "./build_tool.ts";
import { compareLoad, flagsOf, testLoads, tomlOf } from "./loads.ts";
import { closureOf } from "./packages.ts";
import {
  decide,
  exitCode,
  groupsOf,
  type Outcome,
  readOptions,
  RESERVE_S,
  type StepName,
  STEPS,
  TOTAL_S,
} from "./plan.ts";

const SCRIPT = join(ROOT, "tests/gpu/check.sh");

const missing = await missingTools(["bash", "tar", "gzip", "sha256sum"]);

/** The tools among these that are not installed. */
async function missingTools(names: readonly string[]): Promise<string[]> {
  const found = await Promise.all(
    names.map((command) =>
      runProgram({ command, args: ["--version"] }).then(() => true, () => false)
    ),
  );
  return names.filter((_, index) => !found[index]);
}

function testScript(name: string, fn: () => Promise<void>): void {
  const isThere = missing.length === 0;
  const skipped = isThere ? "" : ` (skipped: needs ${missing.join(", ")})`;
  Deno.test({ name: `${name}${skipped}`, ignore: !isThere, fn });
}

testScript("bash can read the script", async () => {
  const { code, stderr } = await runProgram({ command: "bash", args: ["-n", SCRIPT] });
  assert.deepEqual([code, stderr], [0, ""]);
});

testScript("a tool that fails is named with its code and the end of what it said", async () => {
  await tool("bash", ["-c", "true"]);
  const talk = "for n in $(seq 2000); do echo line $n; done >&2; exit 3";
  await assert.rejects(tool("bash", ["-c", talk]), ({ message }: Error) => {
    assert.match(message, /^bash ended with 3:\n/);
    assert.match(message, /line 2000$/);
    assert.ok(message.length < 5_000, `${message.length} characters`);
    return true;
  });
});

testScript("a word that the script does not know is named", async () => {
  const { code, stderr } = await runProgram({ command: "bash", args: [SCRIPT, "cpu"] });
  assert.equal(code, 2);
  assert.match(stderr, /^check\.sh: unknown argument cpu: /);
});

testScript(
  "pieces may come one at a time, and a new one replaces what an old one left",
  async () => {
    const dir = await Deno.makeTempDir({ prefix: "llorch-test-" });
    try {
      const [pieces, work] = [join(dir, "pieces"), join(dir, "work")];
      await Deno.mkdir(pieces);
      const check = (...args: string[]): Promise<RunResult> =>
        runProgram({ command: "bash", args: [SCRIPT, ...args] }, {
          env: { LLORCH_GPU_PIECES: pieces, LLORCH_GPU_WORK: work, OUT: join(dir, "out") },
        });
      const bring = async (piece: string, file: string) => {
        const content = await Deno.makeTempDir({ dir });
        await Deno.writeTextFile(join(content, file), file);
        const archive = join(pieces, `${piece}.tar.gz`);
        await runProgram({ command: "tar", args: ["-czf", archive, "-C", content, "."] });
      };
      const unpacked = (folder: string) =>
        [...Deno.readDirSync(join(work, folder))].map(({ name }) => name);

      await bring("llama", "first");
      const first = await check("unpack");
      assert.deepEqual([first.code, first.stdout], [0, "unpacked llama\n"]);
      assert.match(first.stderr, /missing: \S+\/deno\.tar\.gz \S+\/modules\.tar\.gz;/);
      assert.deepEqual(unpacked("src"), ["first"]);

      const early = await check();
      assert.equal(early.code, 2, "a check without its pieces does not begin");

      await bring("llama", "second");
      await bring("deno", "deno");
      const second = await check("unpack");
      assert.equal(second.stdout, "unpacked deno\nunpacked llama\n");
      assert.deepEqual(unpacked("src"), ["second"]);

      await Deno.remove(join(pieces, "deno.tar.gz"));
      const third = await check("unpack");
      assert.equal(third.stdout, "", "what is unpacked stays without its piece");
      assert.match(third.stderr, /missing: \S+\/modules\.tar\.gz;/);
    } finally {
      await Deno.remove(dir, { recursive: true });
    }
  },
);

const step = (name: StepName) => STEPS.find((each) => each.name === name)!;
const outcomes = (entries: Partial<Record<StepName, Outcome>>) =>
  new Map(Object.entries(entries) as [StepName, Outcome][]);

Deno.test("a step runs until its own limit, or until the end of the whole", () => {
  const { mostS, leastS } = step("build");
  const built = outcomes({ tools: "ok" });
  assert.deepEqual(decide(step("build"), 5, built), { kind: "run", limitS: mostS });
  const late = TOTAL_S - RESERVE_S - leastS;
  assert.deepEqual(decide(step("build"), late, built), { kind: "run", limitS: leastS });
  assert.deepEqual(decide(step("build"), late + 1, built), {
    kind: "skip",
    reason: `${leastS - 1} s are left, and it needs ${leastS}`,
  });
  assert.equal(decide(step("build"), 5, built, 60).kind, "run", "a shorter whole limits it, too");
  assert.deepEqual(decide(step("build"), 5, built, 300), { kind: "run", limitS: 285 });
});

Deno.test("a step whose needs have failed or were skipped is skipped, others are not", () => {
  const all = outcomes({
    tools: "ok",
    build: "ok",
    models: "ok",
    memory: "failed",
    workers: "skipped",
  });
  assert.equal(decide(step("bench"), 100, all).kind, "run");
  const unbuilt = outcomes({ tools: "ok", build: "failed", models: "skipped" });
  assert.deepEqual(decide(step("memory"), 100, unbuilt), {
    kind: "skip",
    reason: "it needs build and models",
  });
});

Deno.test("every step comes after those that it needs, and the shortest run has time for all", () => {
  const groups = groupsOf(STEPS);
  assert.deepEqual(groups.flat(), STEPS);
  assert.ok(groups.some((group) => group.map(({ name }) => name).join() === "build,models"));
  const steps = groups.flatMap((group, index) => group.map((each) => ({ ...each, index })));
  for (const { name, needs, index } of steps) {
    const before = groups.slice(0, index).flat().map((each) => each.name);
    assert.ok(needs.every((need) => before.includes(need)), name);
  }
  const least = STEPS.reduce((sum, { leastS }) => sum + leastS, 0);
  assert.ok(least + RESERVE_S <= TOTAL_S);
  assert.ok(step("build").mostS + step("memory").leastS + RESERVE_S <= TOTAL_S);
});

Deno.test("a failed step makes the exit code 1, a skipped one does not", () => {
  assert.equal(exitCode(["ok", "skipped", "ok"]), 0);
  assert.equal(exitCode(["ok", "failed", "skipped"]), 1);
});

Deno.test("options are read, and wrong ones are named", () => {
  assert.deepEqual(readOptions([]), { onCpu: false, totalS: TOTAL_S });
  assert.deepEqual(readOptions(["--cpu", "--seconds", "580"]), { onCpu: true, totalS: 580 });
  assert.throws(() => readOptions(["--seconds", "soon"]), UsageError);
  assert.throws(() => readOptions(["--gpu"]), /--gpu.*check\.sh \[--cpu\]/);
});

Deno.test("llama.cpp is built for the card's capability alone", () => {
  assert.ok(cudaOptions("9.0\n").includes("-DCMAKE_CUDA_ARCHITECTURES=90-real"));
  assert.ok(cudaOptions("12.0").includes("-DCMAKE_CUDA_ARCHITECTURES=120-real"));
  const unknown = cudaOptions('Field "compute_cap" is not a valid field to query.');
  assert.ok(unknown.includes("-DCMAKE_CUDA_ARCHITECTURES=native"));
  assert.ok(CPU_OPTIONS.every((option) => !option.includes("CUDA")));
});

Deno.test("a claim or an estimate that is too small or too large fails its load", () => {
  const GIB = 2 ** 30;
  const isOk = (claim: number, estimate: number) =>
    compareLoad("a load", { claim, estimate, used: 10 * GIB }, false).isOk;
  assert.equal(isOk(10 * GIB, 10 * GIB), true);
  assert.equal(isOk(11 * GIB, 9 * GIB), true);
  assert.equal(isOk(8 * GIB, 10 * GIB), false);
  assert.equal(isOk(12 * GIB, 10 * GIB), false);
  assert.equal(isOk(10 * GIB, 8 * GIB), false);
  assert.equal(isOk(10 * GIB, 12 * GIB), false);
});

Deno.test("a load's settings become flags of a worker and lines of TOML", () => {
  const settings = { cpu_moe: true, gpu_layers: 10, cache_type_k: "q8_0" };
  const flags = ["--cpu-moe", "--gpu-layers", "10", "--cache-type-k", "q8_0"];
  assert.deepEqual(flagsOf(settings), flags);
  assert.equal(tomlOf(settings), 'cpu_moe = true\ngpu_layers = 10\ncache_type_k = "q8_0"\n');
  const names = testLoads(false).map(({ name }) => name);
  assert.equal(new Set(names).size, names.length);
});

Deno.test("the packages of a program are those that it imports, and their dependencies", () => {
  const packageAt = (name: string, ...dependencies: string[]) => ({
    dependencies,
    localPath: `/${name}`,
  });
  const found = closureOf({
    modules: [{ kind: "esm" }, { kind: "npm", npmPackage: "a@1" }, {
      kind: "npm",
      npmPackage: "c@1",
    }],
    npmPackages: {
      "a@1": packageAt("a", "b@1"),
      "b@1": packageAt("b", "a@1"),
      "c@1": packageAt("c"),
      "d@1": packageAt("d"),
    },
  });
  assert.deepEqual(found.toSorted(), ["/a", "/b", "/c"]);
});
