import assert from "node:assert/strict";
import { join } from "node:path";
import type { Command, Group } from "../../cli/command.ts";
import { commands } from "../../cli/commands/mod.ts";
import { run } from "../../cli/run.ts";
import { fakeContext } from "../../cli/testing/fake_context.ts";
import { LLORCH, llorch, unread } from "../support/llorch.ts";
import { onPath } from "../support/sshd.ts";
import { ROOT } from "../support/stack.ts";
import { commandOnTerminal, hasTerminal } from "../support/terminal.ts";

/** Every group and command, with its path. */
function everything(
  member: Group | Command = commands,
  path: readonly string[] = [],
): { member: Group | Command; path: readonly string[] }[] {
  const members = member.kind === "group" ? member.members : [];
  return [
    { member, path },
    ...members.flatMap((each) => everything(each, [...path, each.name])),
  ];
}

Deno.test("llorch -h: every level shows its help, with examples that begin with its own path", async () => {
  for (const { member, path } of everything()) {
    const name = ["llorch", ...path].join(" ");
    const context = fakeContext();
    assert.equal(await run([...path, "-h"], context), 0, name);
    const help = context.out();
    assert.equal(context.err(), "", name);
    assert.ok(help.startsWith(`Usage: ${name} `), help);
    const examples = /\nExamples:\n([\s\S]+?)\n(\n|$)/.exec(help)?.[1]?.split("\n") ?? [];
    assert.ok(examples.length > 0, `${name} has no examples`);
    for (const line of examples) {
      if (member.kind === "command") assert.match(line, new RegExp(`^ {2}llorch .*${path.at(-1)}`));
      else assert.match(line, /^ {2}llorch /);
    }
    assert.match(help, /--remote <host> +Run this on another machine/);
  }
});

Deno.test("llorch: every example is a valid command line", () => {
  for (const { member } of everything()) {
    for (const { line } of member.examples ?? []) {
      // The leading words name a command.
      const words = line.replace(/^--remote \S+ /, "").split(" ");
      let at: Group | Command | undefined = commands;
      for (const word of words) {
        if (at?.kind !== "group") break;
        at = at.members.find(({ name }) => name === word);
      }
      assert.equal(at?.kind, "command", `llorch ${line}`);
    }
  }
});

Deno.test("llorch: summaries are phrases without a period, and names are unique", () => {
  for (const { member, path } of everything()) {
    const name = path.join(" ");
    assert.match(member.summary, /^[A-Z].*[^.]$/, name);
    if (member.kind === "group") {
      const names = member.members.map((each) => each.name);
      assert.equal(new Set(names).size, names.length, name);
      continue;
    }
    const flags = member.options.flatMap((each) => each.flags.match(/--?[a-z][\w-]*/g) ?? []);
    assert.equal(new Set(flags).size, flags.length, name);
  }
});

Deno.test("llorch as a process: usage on stderr ends with 2, help on stdout with 0", async () => {
  const slip = await llorch(["confg", "list"]);
  assert.deepEqual(slip, {
    code: 2,
    out: "",
    err: "llorch: unknown command 'confg'; did you mean config?\n",
  });
  const nothing = await llorch([]);
  assert.deepEqual([nothing.code, nothing.out], [2, ""]);
  const help = await llorch(["--help"]);
  assert.deepEqual([help.code, help.err], [0, ""]);
  assert.match(help.out, /\nExit codes:\n {2}0 {4}done\n/);
  assert.equal(nothing.err, help.out);
});

const hasFull = await exists("/dev/full");
const full = { ignore: !hasFull, suffix: hasFull ? "" : " (skipped: no /dev/full)" };

const isCheckout = onPath("git") && await exists(join(ROOT, ".git"));

Deno.test({
  name: `llorch --version names the commit${isCheckout ? "" : " (skipped: no git checkout)"}`,
  ignore: !isCheckout,
  async fn() {
    const { stdout } = await new Deno.Command("git", {
      args: ["-C", ROOT, "log", "-1", "--format=(%h, %cs)"],
    }).output();
    const { code, out, err } = await llorch(["--version"]);
    assert.deepEqual([code, err], [0, ""]);
    assert.match(out, /^llorch \d+\.\d+\.\d+ \(/);
    assert.ok(out.endsWith(new TextDecoder().decode(stdout)), out);
  },
});

Deno.test("llorch writes no colours into a pipe", async () => {
  const { out, err } = await llorch(["dev", "doctor"]);
  assert.ok(out.length > 0);
  assert.ok(!(out + err).includes("\u001b"));
});

Deno.test("llorch escapes control characters of its arguments in messages", async () => {
  const red = await llorch(["\u001b[31mred"]);
  assert.match(red.err, /^llorch: unknown command '\\x1b\[31mred'; /);
  const key = await llorch(["config", "get", "a\u001b[2J"]);
  assert.match(key.err, /^llorch: Unknown key a\\x1b\[2J; /);
});

Deno.test(`llorch says in one line that its output cannot be written${full.suffix}`, {
  ignore: full.ignore,
}, async () => {
  const quoted = LLORCH.map((arg) => `'${arg}'`).join(" ");
  for (const args of ["--version", "models catalog", "models catalog --json", "--help"]) {
    const { code, stderr } = await new Deno.Command("sh", {
      args: ["-c", `${quoted} ${args} >/dev/full`],
    }).output();
    assert.equal(code, 1, args);
    assert.equal(
      new TextDecoder().decode(stderr),
      "llorch: Cannot write the output: the disk is full; make room, then run the same command " +
        "again\n",
    );
  }
});

Deno.test("a reader that has seen enough is no failure, for llorch and every other program", async () => {
  const source = (permissions: string, script: string) => [
    ...[Deno.execPath(), "run", "-q", "--no-prompt", `-P=${permissions}`, script],
  ];
  const commandLines = [
    ...["--help", "--version", "models --help", "models catalog", "models catalog --json"],
    ...["completions bash", "config path", "config list", "dev doctor"],
  ].map((args) => [...LLORCH, ...args.split(" ")]);
  const programs = [
    source("orchestratord", "daemons/orchestratord/main.ts"),
    source("pool-managerd", "daemons/pool-managerd/main.ts"),
    source("llorch-candled", "daemons/worker/main.ts"),
    source("local", "deploy/local/up.ts"),
    source("local", "deploy/local/demo.ts"),
  ].flatMap((command) => [[...command, "--help"], [...command, "--version"]]);
  for (const line of [...commandLines, ...programs]) {
    assert.deepEqual(await unread(line), { code: 0, err: "" }, line.join(" "));
  }
});

Deno.test("tables and help fit the terminal's width", { ignore: !hasTerminal }, async () => {
  const env = { COLUMNS: "80", NO_COLOR: "1" };
  const daemon = ["orchestratord", "pool-managerd"].map((name) => [
    ...[Deno.execPath(), "run", "-q", "--no-prompt", `-P=${name}`, `daemons/${name}/main.ts`],
    "--help",
  ]);
  const llorchs = ["models catalog", "models --help"].map((
    args,
  ) => [...LLORCH, ...args.split(" ")]);
  for (const command of [...llorchs, ...daemon]) {
    const { code, text } = await commandOnTerminal(command, { when: "\n" }, env, ROOT);
    assert.equal(code, 0);
    const lines = text.split(/\r?\n/);
    assert.ok(lines.length > 5);
    for (const line of lines) assert.ok(line.length <= 80, line);
  }
});

Deno.test("llorch names the folders that it may not read", {
  ignore: Deno.build.os !== "linux",
}, async () => {
  const { code, err } = await llorch(["config", "validate", "/proc/self/environ"]);
  assert.equal(code, 2);
  assert.match(err, /^llorch: Cannot /);
  assert.ok(!/allow-all|at file:/.test(err), err);
});

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}
