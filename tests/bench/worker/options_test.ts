import assert from "node:assert/strict";
import { join } from "node:path";
import { UsageError } from "#shared/lifecycle.ts";
import { ROOT } from "../../support/stack.ts";
import { readWorkerBench } from "./options.ts";

Deno.test("the worker's bench reads its arguments, with a default for each", () => {
  const { threads, ...rest } = readWorkerBench([]);
  assert.ok(threads >= 1);
  assert.deepEqual(rest, {
    ...{ peer: undefined, model: "random:0.17B-q4", rounds: 5, gpu: undefined, ownFlags: [] },
  });
  const line = "--vs llama-server --model counter:1.1B-q8 --rounds 2 --threads 3 -- --mlock";
  assert.deepEqual(readWorkerBench(line.split(" ")), {
    ...{ peer: "llama-server", model: "counter:1.1B-q8", rounds: 2, threads: 3, gpu: undefined },
    ownFlags: ["--mlock"],
  });
  assert.equal(readWorkerBench(["--gpu", "1"]).gpu, "1");
  const paths = readWorkerBench(["--vs", "/opt/llama-server", "--model", "/models/a.gguf"]);
  assert.deepEqual([paths.peer, paths.model], ["/opt/llama-server", "/models/a.gguf"]);
});

const wrong: readonly (readonly [args: string, message: RegExp])[] = [
  ["--help", /^deno task bench worker \[--vs llama-server\|PATH\]/],
  ["--model nope", /^Cannot make the model "nope": known are random: and counter:/],
  ["--model random:9B-q4", /^Cannot make the model "random:9B-q4"/],
  ["--vs ollama", /^--vs: must be llama-server or the path of one: current value is ollama$/],
  ["--rounds abc", /^--rounds: must be a number from 1 to 1000: current value is abc$/],
  ["--rounds 0", /^--rounds: must be/],
  ["--rounds 1.5", /^--rounds: must be/],
  ["--threads x", /^--threads: must be a number from 1 to 1024/],
  ["--gpu a", /^--gpu: must be the number of a GPU: current value is a$/],
  ["--gpu 0 --vs llama-server", /^--vs: Debian's llama-server computes on the CPU/],
  ["--modle x", /^Unknown option '--modle': deno task bench worker/],
  ["--rounds", /^Option '--rounds <value>' argument missing: deno task bench worker/],
];

for (const [args, message] of wrong) {
  Deno.test(`the worker's bench reports wrong arguments in one line: ${args}`, () => {
    assert.throws(() => readWorkerBench(args.split(" ")), (error) => {
      assert.ok(error instanceof UsageError);
      assert.match(error.message, message);
      return !error.message.includes("\n");
    });
  });
}

async function bench(...args: string[]) {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "--no-prompt", "-P=tools", join(ROOT, "tests/bench/main.ts"), ...args],
    cwd: ROOT,
    env: { LLORCH_BIN_DIR: "/nowhere" },
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, out: text(stdout), err: text(stderr) };
}

Deno.test("a bench with wrong arguments exits with 2, and one without its GPU is skipped", async () => {
  const wrong = await bench("worker", "--rounds", "abc");
  assert.deepEqual([wrong.code, wrong.out], [2, ""]);
  assert.match(wrong.err, /^bench: --rounds: must be .*\n$/);
  assert.match((await bench("nothing")).err, /^bench: Name a bench: accept, .*\n$/);
  assert.match((await bench("accept", "now")).err, /^bench: accept takes no arguments: now\n$/);
  const skipped = await bench("worker", "--gpu", "0");
  assert.equal(skipped.code, 0, skipped.err);
  assert.match(skipped.out, /\n {2}skipped: no GPU build in \/nowhere: make one with .*\n/);
});
