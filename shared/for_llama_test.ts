import assert from "node:assert/strict";
import { forLlama, STACK_KIB } from "./for_llama.ts";

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

Deno.test("forLlama() starts a program unchanged if there is no shell", () => {
  const program = { command: "C:\\llorch-candled.exe", args: ["--standalone"] };
  assert.deepEqual(forLlama(program, () => false), program);
});
