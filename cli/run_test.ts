import assert from "node:assert/strict";
import { LlorchError } from "#shared/errors.ts";
import { UsageError } from "#shared/lifecycle.ts";
import { VERSION } from "#shared/version.ts";
import type { Group, Invocation } from "./command.ts";
import type { Context } from "./context.ts";
import { OutputClosed } from "./output/process_output.ts";
import { run } from "./run.ts";
import { fakeContext } from "./testing/fake_context.ts";

/** Runs a command line; returns the exit code and the output. */
async function llorch(args: string[], root?: Group) {
  const context = fakeContext();
  const code = await run(args, context, root);
  return { code, out: context.out(), err: context.err() };
}

/** A program with one command, `llorch thing`, that runs `work`. */
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
      examples: [{ line: "thing --name Ada", summary: "Greet" }],
      load: () => Promise.resolve({ run: work }),
    }],
  };
}

Deno.test("llorch --version prints version, commit and date", async () => {
  const { code, out, err } = await llorch(["--version"]);
  assert.deepEqual([code, err], [0, ""]);
  assert.ok(out.startsWith(`llorch ${VERSION}`));
  // A copy of the repository without its history has no commit to print.
  assert.match(out.slice(`llorch ${VERSION}`.length), /^( \([0-9a-f]{7,}, \d{4}-\d\d-\d\d\))?\n$/);
});

Deno.test("llorch --help shows options, commands, examples and exit codes", async () => {
  const { code, out, err } = await llorch(["--help"], withThing(() => Promise.resolve(0)));
  assert.deepEqual([code, err], [0, ""]);
  assert.equal(
    out,
    `Usage: llorch [options] [command]

Test

Options:
  --remote <host>  Run this on another machine, over ssh
  -V, --version    Show version, commit and day
  -h, --help       Show this help

Commands:
  thing [options]  A thing
  help [command]   Show the help of a command

Examples:
  llorch thing --name Ada  Greet

Exit codes:
  0    done
  1    failed
  2    wrong usage or configuration
  130  interrupted; a command that runs until Ctrl-C ends with 0 instead
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

Deno.test("llorch suggests a similar name for a typing error, and exits with 2", async () => {
  const slips: [string[], string][] = [
    [["dev", "doctr"], "unknown command 'doctr'; did you mean doctor?"],
    [["dve"], "unknown command 'dve'; did you mean dev?"],
    [["doctor"], "unknown command 'doctor'; did you mean llorch dev doctor?"],
    [["nothing"], "unknown command 'nothing'; see llorch --help"],
    [["dev", "doctor", "--jsn"], "unknown option '--jsn'; did you mean --json?"],
    [
      ["dev", "doctor", "--xyz"],
      "unknown option '--xyz'; see llorch dev doctor --help",
    ],
    [["--remote"], "--remote needs a host: llorch --remote HOST …"],
  ];
  for (const [args, message] of slips) {
    assert.deepEqual(await llorch(args), { code: 2, out: "", err: `llorch: ${message}\n` });
  }
});

Deno.test("llorch refuses arguments that a command does not take", async () => {
  const { code, err } = await llorch(["dev", "doctor", "now"]);
  assert.equal(code, 2);
  assert.match(err, /too many arguments/);
});

Deno.test("llorch exits with the code of the command and passes it options and context", async () => {
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

Deno.test("llorch prints an expected failure in one line", async () => {
  const failing = (error: Error) => llorch(["thing"], withThing(() => Promise.reject(error)));
  const failed = await failing(new LlorchError("NOT_FOUND", "Cannot find it"));
  assert.deepEqual([failed.code, failed.err], [1, "llorch: Cannot find it\n"]);
  const usage = await failing(new UsageError("Cannot use it"));
  assert.deepEqual([usage.code, usage.err], [2, "llorch: Cannot use it\n"]);
  const denied = await failing(new Deno.errors.PermissionDenied("Permission denied: /x"));
  assert.deepEqual([denied.code, denied.err], [1, "llorch: Permission denied: /x\n"]);
  const piped = await failing(new OutputClosed());
  assert.deepEqual([piped.code, piped.err], [0, ""]);
  const socket = await failing(new Deno.errors.BrokenPipe("Broken pipe"));
  assert.deepEqual([socket.code, socket.err], [1, "llorch: Broken pipe\n"]);
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
