import assert from "node:assert/strict";
import { LlorchError } from "#shared/errors.ts";
import { UsageError } from "#shared/lifecycle.ts";
import { VERSION } from "#shared/version.ts";
import type { Group, Invocation } from "./command.ts";
import type { Context } from "./context.ts";
import { run } from "./run.ts";
import { fakeContext } from "./testing/fake_context.ts";

/** Runs a command line; gives the exit code and what was written. */
async function llorch(args: string[], root?: Group) {
  const context = fakeContext();
  const code = await run(args, context, root);
  return { code, out: context.out(), err: context.err() };
}

/** A program with one command, `llorch thing`, that does this. */
function withThing(work: (invocation: Invocation, context: Context) => Promise<number>): Group {
  return {
    kind: "group",
    name: "llorch",
    summary: "Test",
    members: [{
      kind: "command",
      name: "thing",
      summary: "A thing",
      options: [{ flags: "--name <name>", summary: "Name" }],
      load: () => Promise.resolve({ run: work }),
    }],
  };
}

Deno.test("llorch --version says the version", async () => {
  assert.deepEqual(await llorch(["--version"]), { code: 0, out: `llorch ${VERSION}\n`, err: "" });
});

Deno.test("llorch --help lists the commands", async () => {
  const { code, out, err } = await llorch(["--help"]);
  assert.equal(code, 0);
  assert.equal(err, "");
  assert.equal(
    out,
    `Usage: llorch [options] [command]

Self-hosted LLM inference: develop, check and operate

Options:
  -V, --version   Show the version
  -h, --help      Show this help

Commands:
  dev             Help for those who work on or with this machine
  help [command]  Show the help of a command
`,
  );
});

Deno.test("llorch without a command shows the help on stderr and ends with 2", async () => {
  for (const args of [[], ["dev"]]) {
    const { code, out, err } = await llorch(args);
    assert.equal(code, 2);
    assert.equal(out, "");
    assert.match(err, /^Usage: llorch/);
  }
});

Deno.test("llorch says what was meant by a slip, and ends with 2", async () => {
  const command = await llorch(["dev", "doctr"]);
  assert.equal(command.code, 2);
  assert.equal(command.err, "llorch: unknown command 'doctr'\n(Did you mean doctor?)\n");
  const option = await llorch(["dev", "doctor", "--jsn"]);
  assert.equal(option.code, 2);
  assert.equal(option.err, "llorch: unknown option '--jsn'\n(Did you mean --json?)\n");
});

Deno.test("llorch refuses words that a command does not take", async () => {
  const { code, err } = await llorch(["dev", "doctor", "now"]);
  assert.equal(code, 2);
  assert.match(err, /too many arguments/);
});

Deno.test("llorch ends with the code of the command and hands it options and context", async () => {
  const { code, out } = await llorch(
    ["thing", "--name", "Ada"],
    withThing(({ args, options }, { stdout }) => {
      stdout.write(`hello ${options["name"]}${args.join("")}\n`);
      return Promise.resolve(7);
    }),
  );
  assert.equal(code, 7);
  assert.equal(out, "hello Ada\n");
});

Deno.test("llorch says an expected failure in one line", async () => {
  const failing = (error: Error) => llorch(["thing"], withThing(() => Promise.reject(error)));
  const failed = await failing(new LlorchError("NOT_FOUND", "Cannot find it"));
  assert.deepEqual([failed.code, failed.err], [1, "llorch: Cannot find it\n"]);
  const usage = await failing(new UsageError("Cannot use it"));
  assert.deepEqual([usage.code, usage.err], [2, "llorch: Cannot use it\n"]);
  const bug = await failing(new TypeError("boom"));
  assert.equal(bug.code, 1);
  assert.match(bug.err, /^llorch: boom\n[\s\S]*run_test\.ts/);
});

Deno.test("llorch loads no command to show its help", async () => {
  const root = withThing(() => Promise.resolve(0));
  const members = root.members.map((member) => ({
    ...member,
    load: () => Promise.reject(new Error("loaded")),
  }));
  const { code } = await llorch(["thing", "--help"], { ...root, members } as Group);
  assert.equal(code, 0);
});
