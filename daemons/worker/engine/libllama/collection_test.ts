import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { runProgram } from "#shared/run_program.ts";

const PROGRAM = fileURLToPath(new URL("../../testing/collected.ts", import.meta.url));

/** Lines of what requests of all kinds get. */
async function results(...args: string[]): Promise<string[]> {
  const { code, stdout, stderr } = await runProgram({
    command: Deno.execPath(),
    args: ["run", "-q", "-A", "--v8-flags=--expose-gc", PROGRAM, ...args],
  });
  assert.equal(code, 0, stderr);
  return stdout.trim().split("\n");
}

Deno.test("what C uses outlives garbage collections between all steps, with grammars, adapters, biases and penalties", async () => {
  const plain = await results();
  assert.equal(plain.length, 5);
  assert.deepEqual(await results("collect"), plain);
});
