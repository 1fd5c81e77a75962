import assert from "node:assert/strict";
import { join } from "node:path";
import { readLines } from "#shared/lines.ts";
import { LLORCH, llorch } from "../support/llorch.ts";
import { isAlive, until } from "../support/stack.ts";
import { SHOW_ARGUMENTS, withTinyCheckout } from "../support/tiny_checkout.ts";

Deno.test("build passes its arguments to the task of the enclosing checkout", async () => {
  await withTinyCheckout(["build"], async ({ dir, env, write }) => {
    await write("build.ts", SHOW_ARGUMENTS);
    await write("deep/down/x", "");
    const cwd = join(dir, "deep/down");
    const build = async (...args: string[]) => {
      const { code, out, err } = await llorch(["build", ...args], { cwd, env });
      assert.equal(code, 0, err);
      return JSON.parse(out);
    };
    assert.deepEqual(
      await build("worker", "cpu", "--target", "a b'c\"$HOME`x`", "--out", "../out dir"),
      ["worker", "cpu", "--target=a b'c\"$HOME`x`", `--out=${dir}/deep/out dir`],
    );
    assert.deepEqual(await build("pool-manager", "--runtime", "portable"), [
      "pool-manager",
      "--runtime=portable",
    ]);
    for (const what of ["orchestrator", "cli", "all"]) assert.deepEqual(await build(what), [what]);
  });
});

Deno.test("build passes output on as it arrives, on both streams, and keeps the exit code", async () => {
  await withTinyCheckout(["build"], async ({ dir, env, write }) => {
    await write(
      "build.ts",
      `console.log("one");
       console.error("complaint");
       const isThere = () => Deno.readTextFile("go").then(() => true, () => false);
       const changes = Deno.watchFs(".");
       if (!await isThere()) { for await (const _ of changes) if (await isThere()) break; }
       console.log("two");
       Deno.exit(37);`,
    );
    const [command, ...args] = LLORCH;
    const process = new Deno.Command(command!, {
      args: [...args, "build", "all"],
      cwd: dir,
      env,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const lines = readLines(process.stdout);
    const errors = readLines(process.stderr);
    assert.equal((await lines.next()).value, "one");
    assert.equal((await errors.next()).value, "complaint");
    // The task still runs: its output was not held back until its end.
    await write("go", "");
    assert.equal((await lines.next()).value, "two");
    assert.equal((await process.status).code, 37);
    await Promise.all([lines.next(), errors.next()]);
  });
});

Deno.test("build passes a signal on and leaves nothing behind", {
  ignore: Deno.build.os === "windows",
}, async () => {
  await withTinyCheckout(["build"], async ({ dir, env, write }) => {
    await write(
      "build.ts",
      `Deno.addSignalListener("SIGTERM", () => Deno.exit(9));
       console.log(Deno.pid);
       setInterval(() => {}, 1000);`,
    );
    const [command, ...args] = LLORCH;
    const process = new Deno.Command(command!, {
      args: [...args, "build", "all"],
      cwd: dir,
      env,
      stdin: "null",
      stdout: "piped",
    }).spawn();
    const lines = readLines(process.stdout);
    const pid = Number((await lines.next()).value);
    process.kill("SIGTERM");
    assert.equal((await process.status).code, 9);
    await until("the task has ended", () => !isAlive(pid));
    await lines.return(undefined);
  });
});

Deno.test("build reports in one sentence what is missing or wrong", async () => {
  await withTinyCheckout([], async ({ dir, env }) => {
    const noTask = await llorch(["build", "cli"], { cwd: dir, env });
    assert.deepEqual([noTask.code, noTask.out], [1, ""]);
    assert.match(noTask.err, /^llorch: The checkout \/.* has no task "build": bring it .*\n$/);
    const backend = await llorch(["build", "worker", "cudo"], { cwd: dir, env });
    assert.deepEqual(backend, {
      code: 2,
      out: "",
      err: `llorch: Unknown backend "cudo": did you mean cuda?\n`,
    });
  });
});
