import assert from "node:assert/strict";
import { forLlama, SEMI_SPACE_MIB, STACK_KIB } from "./for_llama.ts";

/**
 * Runs a script in a shell after setting its limits; returns its process id and its output lines.
 */
async function run(limits: string, script: string): Promise<{ pid: number; lines: string[] }> {
  const { command, args } = forLlama({
    command: "/bin/sh",
    args: ["-c", script, "a b", "c"],
  });
  const child = new Deno.Command("/bin/sh", {
    args: ["-c", `${limits}; exec "$0" "$@"`, command, ...args],
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const { stdout } = await child.output();
  return { pid: child.pid, lines: new TextDecoder().decode(stdout).trim().split("\n") };
}

const ignore = Deno.build.os === "windows";

/** Whether reserved address space counts as memory: `vm.overcommit_memory` is 2. */
const counted = () => {
  try {
    return Deno.readTextFileSync("/proc/sys/vm/overcommit_memory").trim() === "2";
  } catch {
    return false;
  }
};

Deno.test({
  name: "forLlama() starts a program with a large stack, in the same process, with all arguments",
  ignore: ignore || counted(),
  async fn() {
    const { pid, lines } = await run("ulimit -S -s 8192", 'echo $$; ulimit -S -s; echo "$0|$1"');
    assert.equal(lines[0], String(pid));
    assert.ok(lines[1] === String(STACK_KIB) || Deno.build.os !== "linux", lines[1]);
    assert.equal(lines[2], "a b|c");
  },
});

Deno.test({
  name: "forLlama() uses what the hard limit allows, and never lowers the limit",
  ignore: ignore || counted(),
  async fn() {
    const soft = async (limits: string) => (await run(limits, "ulimit -S -s")).lines[0];
    assert.equal(await soft("ulimit -S -s 8192; ulimit -H -s 16384"), "16384");
    const larger = String(2 * STACK_KIB);
    assert.equal(await soft(`ulimit -S -s ${larger} 2>/dev/null || ulimit -S -s 8192`), larger);
  },
});

Deno.test({
  name: "forLlama() asks glibc for huge pages, unless it has orders already",
  ignore,
  async fn() {
    const print = 'echo "$GLIBC_TUNABLES"';
    assert.deepEqual((await run("unset GLIBC_TUNABLES", print)).lines, ["glibc.malloc.hugetlb=1"]);
    const own = "glibc.malloc.arena_max=2";
    assert.deepEqual((await run(`export GLIBC_TUNABLES=${own}`, print)).lines, [own]);
  },
});

Deno.test({
  name: "forLlama() bounds V8's young generation, unless V8 has flags already",
  ignore,
  async fn() {
    const print = 'echo "$DENO_V8_FLAGS"';
    const bound = [`--max-semi-space-size=${SEMI_SPACE_MIB}`];
    assert.deepEqual((await run("unset DENO_V8_FLAGS", print)).lines, bound);
    // Deno would not start with an empty one.
    assert.deepEqual((await run("export DENO_V8_FLAGS=", print)).lines, bound);
    const own = "--max-semi-space-size=16,--expose-gc";
    assert.deepEqual((await run(`export DENO_V8_FLAGS=${own}`, print)).lines, [own]);
  },
});

/** Prints V8's limit for the heap, which counts three halves of the young generation at their bound. */
const LIMIT = 'const { getHeapStatistics: heap } = await import("node:v8");';
const url = (script: string) =>
  JSON.stringify(`data:text/javascript,${encodeURIComponent(script)}`);
const IN_PROGRAM = `${LIMIT} console.log(heap().heap_size_limit);`;
const IN_THREAD = `
const script = ${url(`${LIMIT} postMessage(heap().heap_size_limit);`)};
const thread = new Worker(script, { type: "module" });
thread.onmessage = ({ data }) => { console.log(data); thread.terminate(); };
`;

/** The limit of the heap of a program that deno runs, in bytes. */
async function limitOf(script: string, env: Record<string, string> = {}): Promise<number> {
  const { command, args } = forLlama({ command: Deno.execPath(), args: ["eval", script] });
  const child = new Deno.Command(command, { args: [...args], env, stderr: "inherit" });
  return Number(new TextDecoder().decode((await child.output()).stdout));
}

// The limit and not what is in use: V8 goes over its bound for moments, by how much depends on the machine's load.
Deno.test({
  name: "the young generation of a program that forLlama() starts is bounded, and of its threads",
  ignore: ignore || Deno.env.has("DENO_V8_FLAGS"),
  async fn() {
    const [free, twice, ofProgram, ofThread] = await Promise.all([
      limitOf(IN_PROGRAM, { DENO_V8_FLAGS: "--stack-trace-limit=10" }),
      limitOf(IN_PROGRAM, { DENO_V8_FLAGS: `--max-semi-space-size=${2 * SEMI_SPACE_MIB}` }),
      limitOf(IN_PROGRAM),
      limitOf(IN_THREAD),
    ]);
    assert.equal(twice - ofProgram, 3 * SEMI_SPACE_MIB * 2 ** 20);
    assert.equal(ofThread, ofProgram);
    assert.ok(free > twice, `${free} bytes without the bound, ${twice} with twice of it`);
  },
});

Deno.test("forLlama() starts a program unchanged if there is no shell", () => {
  const program = { command: "C:\\llorch-candled.exe", args: ["--standalone"] };
  assert.deepEqual(forLlama(program, () => false), program);
});
