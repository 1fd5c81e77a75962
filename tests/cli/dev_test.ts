import assert from "node:assert/strict";
import { readLines } from "#shared/lines.ts";
import { LLORCH, llorch } from "../support/llorch.ts";
import { makeClone, withRepos } from "../support/git_repos.ts";
import { SHOW_ARGUMENTS, withTinyCheckout } from "../support/tiny_checkout.ts";

Deno.test("dev check runs the gate and keeps its exit code", async () => {
  await withTinyCheckout(["check"], async ({ dir, env, write }) => {
    await write("check.ts", `console.log("2 of 7 checks failed"); Deno.exit(4);`);
    const { code, out } = await llorch(["dev", "check"], { cwd: dir, env });
    assert.deepEqual([code, out], [4, "2 of 7 checks failed\n"]);
  });
});

Deno.test("dev up passes its arguments to the stack's script", async () => {
  await withTinyCheckout([], async ({ dir, env, write }) => {
    await write("deploy/local/up.ts", SHOW_ARGUMENTS);
    const up = (...args: string[]) => llorch(["dev", "up", ...args], { cwd: dir, env });
    assert.deepEqual(JSON.parse((await up("--", "--port=0", "--model", "a b", "--json")).out), [
      "--port=0",
      "--model",
      "a b",
      "--json",
    ]);
    assert.deepEqual(JSON.parse((await up()).out), []);
  });
});

Deno.test("dev up passes Ctrl-C on, waits, and ends with the stack's exit code", {
  ignore: Deno.build.os === "windows",
}, async () => {
  await withTinyCheckout([], async ({ dir, env, write }) => {
    await write(
      "deploy/local/up.ts",
      `Deno.addSignalListener("SIGINT", () => { console.log("stopping"); Deno.exit(5); });
       console.log("ready");
       setInterval(() => {}, 1000);`,
    );
    const [command, ...args] = LLORCH;
    const process = new Deno.Command(command!, {
      args: [...args, "dev", "up"],
      cwd: dir,
      env,
      stdin: "null",
      stdout: "piped",
    }).spawn();
    const lines = readLines(process.stdout);
    assert.equal((await lines.next()).value, "ready");
    process.kill("SIGINT");
    assert.equal((await lines.next()).value, "stopping");
    assert.equal((await process.status).code, 5);
    await lines.return(undefined);
  });
});

Deno.test("dev setup fetches missing packages, and only once", async () => {
  await withRepos(async (repos) => {
    await makeClone(repos);
    await repos.write("work", "deno.json", "{}");
    await Deno.mkdir(`${repos.dir}/work/cli`);
    await repos.write("work/cli", "main.ts", "");
    await repos.write("work", "deno.lock", `{"version":"5"}`);
    await repos.git("work", "submodule", "deinit", "-f", "-q", "lib");
    const setup = (...args: string[]) =>
      llorch(["dev", "setup", ...args], { cwd: `${repos.dir}/work`, env: repos.env });

    const unasked = await setup();
    assert.equal(unasked.code, 2);
    assert.match(
      unasked.err,
      /^llorch: Fetch the packages .* Cannot ask without a terminal: add --yes/,
    );
    const first = await setup("--yes");
    assert.equal(first.code, 0, first.out + first.err);
    assert.match(
      first.out,
      /^ok {4}deno .*\ndone {2}packages .*\ndone {2}submodules {2}fetched lib/,
    );
    assert.equal(await repos.read("work/lib", "a.txt"), "one");

    await Deno.mkdir(`${repos.dir}/work/node_modules`, { recursive: true });
    const again = await setup("--json");
    assert.equal(again.code, 0, again.err);
    const { ok, steps } = JSON.parse(again.out);
    assert.equal(ok, true);
    assert.deepEqual(steps.map(({ status }: { status: string }) => status), ["ok", "ok", "ok"]);
  });
});

Deno.test("dev doctor --json lists each finding, with a fix for each problem", async () => {
  const { code, out } = await llorch(["dev", "doctor", "--json"]);
  const { ok, findings } = JSON.parse(out);
  assert.equal(code, ok ? 0 : 1);
  const names = findings.map(({ name }: { name: string }) => name);
  for (const name of ["deno", "git", "ssh", "models", "memory", "disk", "config", "port 8080"]) {
    assert.ok(names.includes(name), name);
  }
  for (const { name, status, message, fix } of findings) {
    assert.match(status, /^(ok|warn|fail)$/);
    assert.ok(message, name);
    assert.equal(fix !== undefined, status !== "ok", name);
  }
});
