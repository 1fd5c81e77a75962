import assert from "node:assert/strict";
import { readLines } from "../lines.ts";

/** Starts the server of `testdata/few_descriptors.ts` with this many descriptors. */
function start(descriptors: number) {
  const script = new URL("testdata/few_descriptors.ts", import.meta.url).pathname;
  const child = new Deno.Command("sh", {
    args: ["-c", `ulimit -n ${descriptors} && exec "$0" run -A "$1"`, Deno.execPath(), script],
    cwd: new URL("../..", import.meta.url).pathname,
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const lines = readLines(child.stdout);
  const stdin = child.stdin.getWriter();
  return {
    async line() {
      const { value } = await lines.next();
      assert.ok(value, "the server has ended");
      return value;
    },
    write: (text: string) => stdin.write(new TextEncoder().encode(text)),
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.status;
      await stdin.close().catch(() => {});
      await lines.return(undefined);
    },
  };
}

async function ask(port: number): Promise<{ max: number }> {
  const connection = await Deno.connect({ hostname: "127.0.0.1", port });
  const head = "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
  await connection.write(new TextEncoder().encode(head));
  const reply = await new Response(connection.readable).text();
  return JSON.parse(/\{.*\}/.exec(reply)?.[0] ?? assert.fail(`no answer: "${reply}"`));
}

const ignore = Deno.build.os === "windows";

for (const [descriptors, clients] of [[256, 300], [1024, 1100]] as const) {
  Deno.test({
    name: `with ${descriptors} descriptors, ${clients} idle connections shut nobody out`,
    ignore,
    async fn() {
      await using server = start(descriptors);
      const port = Number(await server.line());
      const idle: Deno.Conn[] = [];
      for (let i = 0; i < clients; i++) {
        idle.push(await Deno.connect({ hostname: "127.0.0.1", port }));
      }
      const { max } = await ask(port);
      assert.ok(max > descriptors / 4 && max < descriptors / 2, `${max} connections`);
      for (const connection of idle) connection.close();
      assert.deepEqual(await ask(port), { max });
    },
  });
}

Deno.test({
  name: "a server that had no descriptor left answers once it has some again",
  ignore,
  async fn() {
    await using server = start(256);
    const port = Number(await server.line());
    await server.write("take\n");
    assert.equal(await server.line(), "taken");
    const waiting = await Deno.connect({ hostname: "127.0.0.1", port });
    await server.write("give back\n");
    assert.equal(await server.line(), "given back");
    // It depends on the system whether the listener has already tried to accept it.
    waiting.close();
    for (;;) {
      const answer = await ask(port).catch(() => undefined);
      if (answer) break;
    }
  },
});
