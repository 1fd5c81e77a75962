import assert from "node:assert/strict";
import { listeningUrl, ROOT, startProgram, within } from "../support/stack.ts";
import { commandOnTerminal, hasTerminal } from "../support/terminal.ts";

/** Runs a test with a temporary folder for state. */
const withState = (test: (stateDir: string) => Promise<void>) => async () => {
  const dir = await Deno.makeTempDir();
  try {
    await test(dir);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
};

for (const daemon of ["orchestratord", "pool-managerd"] as const) {
  const script = `daemons/${daemon}/main.ts`;

  Deno.test(
    `${daemon} keeps running when its log has no reader any more`,
    withState(async (dir) => {
      const program = startProgram(script, daemon, ["--port=0", `--state-dir=${dir}/state`]);
      const url = await listeningUrl(program);
      await program.lines.return(undefined);
      program.kill("SIGHUP");
      const reply = await fetch(`${url}/health`);
      assert.equal(reply.status, 200, await reply.text());
      program.kill("SIGTERM");
      // The log lines about the stop have no reader either.
      const { code } = await within(program.status, "it stops");
      assert.equal(code, 0, program.stderr());
    }),
  );

  Deno.test({
    name: `${daemon} ends when the terminal that it was started in closes`,
    ignore: !hasTerminal,
    fn: withState(async (dir) => {
      const { code } = await commandOnTerminal(
        [
          ...[Deno.execPath(), "run", "--quiet", "--no-prompt", `-P=${daemon}`, script],
          ...["--port=0", `--state-dir=${dir}/state`],
        ],
        { when: "listening", hangsUp: true },
        {},
        ROOT,
      );
      assert.equal(code, 0);
    }),
  });
}
