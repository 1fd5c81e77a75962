import assert from "node:assert/strict";
import { join } from "node:path";
import type { Command, Group } from "../../cli/command.ts";
import { commands } from "../../cli/commands/mod.ts";
import { run } from "../../cli/run.ts";
import { fakeContext } from "../../cli/testing/fake_context.ts";
import { llorch } from "../support/llorch.ts";
import { onPath } from "../support/sshd.ts";
import { ROOT } from "../support/stack.ts";

/** Every group and command, with the words that lead to it. */
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

Deno.test("llorch -h: every level shows its help with examples that begin with its own words", async () => {
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

Deno.test("llorch: every example is a command line that llorch takes", () => {
  for (const { member } of everything()) {
    for (const { line } of member.examples ?? []) {
      // The words up to the first that is no name lead to a command.
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

Deno.test("llorch: summaries are phrases without a period, and names are told once", () => {
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

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}
