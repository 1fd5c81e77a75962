import assert from "node:assert/strict";
import { join } from "node:path";
import { commands } from "../../cli/commands/mod.ts";
import { completionFacts } from "../../cli/completions/facts.ts";
import { LLORCH, llorch, withHome } from "../support/llorch.ts";
import { onPath } from "../support/sshd.ts";

/** Runs a test in a home with two hosts and with the real `llorch` on the PATH. */
async function withCompletions(
  shell: string,
  test: (script: string, env: Record<string, string>) => Promise<void>,
): Promise<void> {
  await withHome(async (home, own) => {
    const command = LLORCH.map((word) => `'${word}'`).join(" ");
    await Deno.mkdir(join(home, "bin"));
    await Deno.writeTextFile(join(home, "bin/llorch"), `#!/bin/sh\nexec ${command} "$@"\n`, {
      mode: 0o755,
    });
    await Deno.mkdir(join(home, ".config/llorch"), { recursive: true });
    await Deno.writeTextFile(
      join(home, ".config/llorch/config.toml"),
      `[hosts.gpu1]\naddress = "a"\n[hosts.gpu2]\naddress = "b"\n`,
    );
    await Deno.mkdir(join(home, ".ssh"));
    await Deno.writeTextFile(join(home, ".ssh/config"), "Host bastion *.lan\n  User ada\n");
    const { code, out } = await llorch(["completions", shell], { env: own });
    assert.equal(code, 0);
    const script = join(home, `llorch.${shell}`);
    await Deno.writeTextFile(script, out);
    const env = { ...own, PATH: `${join(home, "bin")}:${Deno.env.get("PATH")}`, TERM: "dumb" };
    await test(script, env);
  });
}

async function output(command: string, args: string[], env: Record<string, string>) {
  const ran = await new Deno.Command(command, { args, env, cwd: env["HOME"]!, stdin: "null" })
    .output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  assert.equal(text(ran.stderr), "");
  return text(ran.stdout);
}

/**
 * Output of a shell on a pseudo-terminal. A key that arrives while the shell redraws may be lost,
 * so this tries up to three times.
 */
async function terminalOutput(command: string, args: string[], env: Record<string, string>) {
  for (let tries = 3; tries > 0; tries--) {
    const process = new Deno.Command(command, {
      args,
      env: { ...env, PATH: `${join(env["HOME"]!, "bin")}:/usr/local/bin:/usr/bin:/bin` },
      cwd: env["HOME"]!,
      // The shell must not inherit other variables of the test run, such as those that npm sets.
      clearEnv: true,
      stdin: "null",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    const timer = setTimeout(() => process.kill("SIGKILL"), 20_000);
    const { success, stdout } = await process.output();
    clearTimeout(timer);
    if (success) return new TextDecoder().decode(stdout);
  }
  throw new Error(`${command} hung three times`);
}

/** Command lines up to the cursor, and the completions that each shell offers there. */
const CASES: readonly (readonly [line: string, offered: readonly string[]])[] = [
  ["llorch conf", ["config"]],
  ["llorch config ", ["get", "list", "path", "set", "unset", "validate"]],
  ["llorch config list --j", ["--json"]],
  ["llorch config get pool.", ["pool.ca_file", "pool.token_file", "pool.url"]],
  ["llorch --remote gpu1 config un", ["unset"]],
  ["llorch remote exec gp", ["gpu1", "gpu2"]],
  ["llorch remote hosts remove ba", ["bastion"]],
  ["llorch config list --remote gp", ["gpu1", "gpu2"]],
  ["llorch models download tinyl", ["tinyllama"]],
  ["llorch completions ", ["bash", "fish", "powershell", "zsh"]],
];

const has = (shell: string) => ({
  ignore: Deno.build.os === "windows" || !onPath(shell),
  suffix: onPath(shell) ? "" : ` (skipped: no ${shell})`,
});

Deno.test({
  name: `completions work in a real bash${has("bash").suffix}`,
  ignore: has("bash").ignore,
  async fn() {
    await withCompletions("bash", async (script, env) => {
      // bash splits --option=value at the equals sign.
      const cases = [...CASES, ["llorch --remote = gp", ["gpu1", "gpu2"]]] as const;
      const lines = cases.map(([line]) => {
        const words = line.split(" ").map((word) => `'${word}'`);
        return `COMP_WORDS=(${words.join(" ")}); COMP_CWORD=${words.length - 1}; _llorch; ` +
          `(IFS=,; echo "\${COMPREPLY[*]}")`;
      });
      const run = [`source '${script}'`, ...lines].join("\n");
      const out = await output("bash", ["--norc", "--noprofile", "-c", run], env);
      const offered = out.trimEnd().split("\n").map((line) => line.split(",").toSorted());
      assert.deepEqual(offered, cases.map(([, words]) => [...words]));
    });
  },
});

Deno.test({
  name: `completions work in a real fish${has("fish").suffix}`,
  ignore: has("fish").ignore,
  async fn() {
    await withCompletions("fish", async (script, env) => {
      const cases = [...CASES, ["llorch --remote=gp", ["--remote=gpu1", "--remote=gpu2"]]] as const;
      const lines = cases.flatMap(([line]) => [`complete -C '${line}'`, "echo ."]);
      const run = [`source '${script}'`, ...lines].join("\n");
      const out = await output("fish", ["--no-config", "-c", run], env);
      const offered = out.trimEnd().replace(/\n?\.$/, "").split(/\n\.\n/).map((block) =>
        block.split("\n").map((line) => line.split("\t")[0]!).toSorted()
      );
      assert.deepEqual(offered, cases.map(([, words]) => [...words]));
      assert.match(out, /^get\tShow the value of a key/m);
    });
  },
});

Deno.test({
  name: `completions work in a real zsh${has("zsh").suffix}`,
  ignore: has("zsh").ignore,
  async fn() {
    await withCompletions("zsh", async (script, env) => {
      // Each line has one completion, so that Tab inserts it.
      const cases: readonly (readonly [line: string, completed: string])[] = [
        ...CASES.filter(([, offered]) => offered.length === 1).map(([line, [word = ""]]) =>
          [line, line.replace(/\S*$/, word)] as const
        ),
        ["llorch config list --remote=ba", "llorch config list --remote=bastion"],
        ["llorch remote exec b", "llorch remote exec bastion"],
      ];
      const run = `
        zmodload zsh/zpty
        zpty inner zsh -f -i
        zpty -w inner "PS1= PS2= RPS1=; unsetopt zle_bracketed_paste 2>/dev/null; unset zle_bracketed_paste"
        zpty -w inner "autoload -Uz compinit; compinit -u -D; setopt no_list_beep no_beep"
        zpty -w inner "source '${script}'; echo rea''dy"
        zpty -r inner text '*ready*'
        ${
        cases.map(([line], index) => `
        zpty -w -n inner $'${line}\\t'$'\\C-a''echo "<${index} '$'\\C-e''>"'$'\\n'
        zpty -r inner text $'*\\n<${index} *>*'
        print -r -- "\${text##*$'\\n'}"`).join("")
      }
        zpty -d inner`;
      const out = await terminalOutput("zsh", ["-f", "-c", run], env);
      const completed = [...out.matchAll(/<\d+ (.*?) ?>/g)].map(([, line]) => line);
      assert.deepEqual(completed, cases.map(([, line]) => line));
    });
  },
});

Deno.test({
  name: `completions work in a real PowerShell${has("pwsh").suffix}`,
  ignore: has("pwsh").ignore,
  async fn() {
    await withCompletions("powershell", async (script, env) => {
      const lines = CASES.map(([line]) =>
        `(TabExpansion2 '${line}' ${line.length}).CompletionMatches.CompletionText -join ','`
      );
      const run = [`. '${script}'`, ...lines].join("\n");
      const out = await output("pwsh", ["-NoProfile", "-NonInteractive", "-Command", run], env);
      const offered = out.trimEnd().split(/\r?\n/).map((line) => line.split(",").toSorted());
      assert.deepEqual(offered, CASES.map(([, words]) => [...words]));
    });
  },
});

Deno.test("completions: every script has every command", async () => {
  const facts = completionFacts(commands);
  for (const shell of ["bash", "zsh", "fish", "powershell"]) {
    const { out } = await llorch(["completions", shell]);
    for (const { path, options } of facts) {
      assert.ok(out.includes(`'${path.map((name) => ` ${name}`).join("")}'`), path.join(" "));
      for (const { word } of options) assert.ok(out.includes(word), word);
    }
  }
});

Deno.test("completions print names or nothing to a script, never an error", async () => {
  await withHome(async (home, env) => {
    const ask = (kind: string) => llorch(["completions", "--values", kind], { env });
    assert.match((await ask("catalog")).out, /^tinyllama$/m);
    await Deno.mkdir(join(home, ".config/llorch"), { recursive: true });
    await Deno.writeTextFile(join(home, ".config/llorch/config.toml"), "broken [");
    for (const kind of ["hosts", "jobs", "nonsense"]) {
      assert.deepEqual(await ask(kind), { code: 0, out: "", err: "" }, kind);
    }
  });
});

Deno.test("completions names the supported shells", async () => {
  const { code, err } = await llorch(["completions", "bsh"]);
  assert.deepEqual([code, err], [2, "llorch: Unknown shell bsh; did you mean bash?\n"]);
  const none = await llorch(["completions"]);
  assert.equal(none.err, "llorch: Name a shell: bash, zsh, fish, powershell\n");
  assert.doesNotMatch((await llorch(["completions", "--help"])).out, /--values/);
});
