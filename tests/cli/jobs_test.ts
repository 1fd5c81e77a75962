import assert from "node:assert/strict";
import { dirname } from "node:path";
import { orchestratorRoutes as routes } from "#shared/contracts/mod.ts";
import { ENDLESS_CONTEXT } from "../support/counting_job.ts";
import { LLORCH, llorch, type Ran, withHome } from "../support/llorch.ts";
import { slowCounterModel } from "../support/slow_counter.ts";
import {
  type Program,
  range,
  type Stack,
  startProgram,
  until,
  withStack,
} from "../support/stack.ts";

const MODEL = ["--model", "slow-counter", "--temperature", "0"];
const numbers = (text: string) => (text.match(/\d+/g) ?? []).map(Number);

/** Starts `llorch orchestrator jobs …`; the test must end it. */
function start(args: string[], env: Record<string, string>): Program {
  return startProgram("cli/main.ts", "llorch", ["orchestrator", "jobs", ...args], env);
}

/** Reads events until one of this kind arrives; returns its line. */
async function untilEvent(program: Program, kind: string): Promise<string> {
  for (let next = await program.lines.next(); !next.done; next = await program.lines.next()) {
    const { event, data } = JSON.parse(next.value);
    if (event === kind) return data.job_id ?? "";
  }
  throw new Error(`No event "${kind}" came:\n${program.stderr()}`);
}

Deno.test("jobs go through the real stack, and every number comes once", async (t) => {
  const path = slowCounterModel();
  await withStack(
    { models: dirname(path), model: "slow-counter", slots: 2, context: ENDLESS_CONTEXT },
    (stack) =>
      withHome(async (_home, own) => {
        const env = { ...own, LLORCH_ORCHESTRATOR_URL: stack.url };
        const run = (...args: string[]) => llorch(["orchestrator", "jobs", ...args], { env });
        const statusOf = async (id: string) =>
          (await stack.client.call(routes.getTask, { params: { id } })).status;

        await t.step("submit writes only the text to stdout, and figures to stderr", async () => {
          const ran = await run("submit", ...MODEL, "--max-tokens", "60", "--seed", "7", "w7");
          assert.equal(ran.code, 0, ran.err);
          assert.equal(ran.out, range(8, 60).map((n) => ` w${n}`).join(""));
          assert.match(
            ran.err,
            /^60 tokens, [\d.]+ tokens\/s, first token after \d+ ms, MAX_TOKENS, seed 7, job job-\S+\n$/,
          );
          const quiet = await run("submit", ...MODEL, "-n", "3", "w7", "--quiet", "--chat");
          assert.deepEqual([quiet.code, quiet.err], [0, ""]);
        });

        await t.step("submit prints tokens as they arrive", async () => {
          const [command, ...args] = LLORCH;
          const process = new Deno.Command(command!, {
            args: [...args, "orchestrator", "jobs", "submit", ...MODEL, "w7"],
            env,
            stdin: "null",
            stdout: "piped",
            stderr: "null",
          }).spawn();
          let isCancelled = false;
          let text = "";
          for await (const chunk of process.stdout.pipeThrough(new TextDecoderStream())) {
            text += chunk;
            if (isCancelled || numbers(text).length < 20) continue;
            isCancelled = true;
            process.kill("SIGINT");
          }
          // The job still ran when its text was here: only this test ended it.
          assert.equal((await process.status).code, 130);
          assert.deepEqual(numbers(text), range(8, numbers(text).length));
        });

        await t.step("the prompt comes from stdin, and stop texts end the answer", async () => {
          const [command, ...args] = LLORCH;
          const process = new Deno.Command(command!, {
            args: [...args, "orchestrator", "jobs", "submit", ...MODEL, "-", "--stop", "x", " w12"],
            env,
            stdin: "piped",
            stdout: "piped",
            stderr: "null",
          }).spawn();
          const writer = process.stdin.getWriter();
          await writer.write(new TextEncoder().encode("w7"));
          await writer.close();
          const { code, stdout } = await process.output();
          assert.equal(code, 0);
          assert.equal(new TextDecoder().decode(stdout), " w8 w9 w10 w11");
        });

        await t.step("--json prints one document, --raw prints every event", async () => {
          const json = JSON.parse((await run("submit", ...MODEL, "-n", "5", "w7", "--json")).out);
          assert.deepEqual([json.status, json.text], ["completed", " w8 w9 w10 w11 w12"]);
          assert.deepEqual([json.tokens_out, json.stop_reason], [5, "MAX_TOKENS"]);
          const raw = (await run("submit", ...MODEL, "-n", "2", "w7", "--raw")).out.trim().split(
            "\n",
          );
          const events = raw.map((line) => JSON.parse(line)).filter(({ id }) => id !== undefined);
          assert.deepEqual(events.map(({ id }) => id), [1, 2, 3, 4, 5]);
          const kinds = ["queued", "started", "token", "token", "end"];
          assert.deepEqual(events.map(({ event }) => event), kinds);
        });

        await t.step("--detach prints the id; watch, show and list print the rest", async () => {
          const submit = ["submit", ...MODEL, "-n", "30", "w100", "--detach"];
          const key = ["--idempotency-key", "once"];
          const [one, two] = [await run(...submit, ...key), await run(...submit, ...key)];
          assert.equal(one.out, two.out);
          const id = one.out.trim();
          const watched = await run("watch", id);
          assert.deepEqual([watched.code, numbers(watched.out)], [0, range(101, 30)]);
          const { out } = await run("show", id);
          assert.match(out, /^\+0 ms +created +\d{4}-/m);
          assert.match(out, /^\+\d+ ms +attempt 1 +on w-\S+ of pool local$/m);
          assert.match(out, /^\+\S+ \w+ +completed +MAX_TOKENS: 30 tokens out, \d+ in /m);
          assert.deepEqual(numbers(out.slice(out.lastIndexOf("\n\n"))), range(101, 30));
          assert.equal(JSON.parse((await run("show", id, "--json")).out).job_id, id);
          assert.match((await run("list", "-n", "1")).out, new RegExp(`^JOB .*\n${id} +completed`));
          const { tasks } = JSON.parse((await run("list", "--json", "--status", "completed")).out);
          assert.ok(tasks.length >= 6);
          const none = await run("list", "--status", "failed");
          assert.deepEqual([none.code, none.out], [0, ""]);
        });

        await t.step("Ctrl-C cancels the job and ends with 130", async () => {
          const program = start(["submit", ...MODEL, "--raw", "w1"], env);
          const id = await untilEvent(program, "started");
          await untilEvent(program, "token");
          program.kill("SIGINT");
          const lines = (async () => {
            for await (const _ of program.lines);
          })();
          assert.equal((await program.status).code, 130);
          await lines;
          assert.match(program.stderr(), new RegExp(`Job ${id}: cancelled`));
          assert.equal(await statusOf(id), "cancelled");
          await until("its slot is free", async () => (await stack.workers())[0]?.active === 0);
        });

        await t.step(
          "a reader that closes stdout after the first lines cancels the job too",
          async () => {
            const program = start(["submit", ...MODEL, "--raw", "w1"], env);
            const id = await untilEvent(program, "started");
            await program.lines.return(undefined);
            assert.equal((await program.status).code, 0);
            assert.equal(await statusOf(id), "cancelled");
          },
        );

        await t.step("cancel says how each job ended", async () => {
          const done = (await run("submit", ...MODEL, "-n", "1", "w1", "--detach")).out.trim();
          await run("watch", done);
          const running = (await run("submit", ...MODEL, "w1", "--detach")).out.trim();
          const { code, out, err } = await run("cancel", done, "job-none", running);
          assert.equal(code, 1);
          assert.equal(out, `${done}  completed\n${running}  cancelled\n`);
          assert.equal(
            err,
            'llorch: Cannot find job "job-none"; llorch orchestrator jobs list shows them\n',
          );
          const watched = await run("watch", running, "-q");
          assert.equal(watched.code, 1);
          assert.match(watched.err, /^llorch: .*cancelled/);
        });

        await t.step(
          "a connection that breaks again and again loses and doubles nothing",
          async () => {
            await withBreakingProxy(stack, 3, async (url, broken) => {
              const ran = await run("submit", ...MODEL, "-n", "300", "w7", "--url", url);
              assert.equal(ran.code, 0, ran.err);
              assert.deepEqual(numbers(ran.out), range(8, 300));
              assert.equal(broken(), 3);
              assert.equal(ran.err.match(/The connection was lost/g)?.length, 3);
            });
          },
        );

        await t.step("every error is one sentence", async () => {
          const cases: [string[], number, RegExp][] = [
            [["submit", "hello"], 2, /^llorch: --model is required/],
            [["submit", ...MODEL, ""], 2, /^llorch: The prompt is empty/],
            [["submit", ...MODEL, "x", "-n", "many"], 2, /--max-tokens must be a number: .*"many"/],
            [["submit", ...MODEL, "x", "-n", "0"], 2, /^llorch: --max-tokens /],
            [["submit", ...MODEL, "x", "--idempotency-key", "a b"], 2, /--idempotency-key must be/],
            [["submit", "-m", "nope", "x"], 1, /^llorch: Cannot find model "nope" .*slow-counter/],
            [["submit", ...MODEL, "x", "--url", "ftp://x"], 2, /--url must be an http/],
            [["list", "--status", "done"], 2, /--status must be one of queued, /],
            [["list", "--limit", "0"], 2, /--limit must be a whole number from 1 to/],
            [["show", "job-none"], 1, /^llorch: Cannot find job "job-none"; llorch .* list shows/],
            [["watch", "job-none"], 1, /^llorch: Cannot find job "job-none"; llorch .* list shows/],
            [["show", ""], 2, /^llorch: The id of the job is empty; llorch .* list/],
            [
              ["submit", ...MODEL, "w7 ".repeat(40_000)],
              1,
              /; shorten the prompt, or start a worker with more tokens per slot \(llorch worker/,
            ],
          ];
          for (const [args, code, message] of cases) {
            const ran: Ran = await run(...args);
            assert.equal(ran.code, code, `${args.join(" ")}: ${ran.err}`);
            assert.match(ran.err, message);
            assert.equal(ran.out, "");
          }
        });
      }),
  );
});

Deno.test("an error of a busy or closed service is shown with its hint", async () => {
  const replies: Record<string, [number, string, number | undefined]> = {
    "/v2/tasks": [429, "QUEUE_FULL", 2400],
    "/v2/tasks/x": [401, "UNAUTHORIZED", undefined],
  };
  await using server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
    const [status, code, retry_after_ms] = replies[new URL(request.url).pathname]!;
    const error = { code, message: "No", retriable: true, retry_after_ms, correlation_id: "c" };
    return Response.json({ error }, { status });
  });
  const url = `http://127.0.0.1:${server.addr.port}`;
  await withHome(async (_home, env) => {
    const run = (...args: string[]) =>
      llorch(["orchestrator", "jobs", ...args, "--url", url], { env });
    const busy = await run("submit", ...MODEL, "x");
    assert.deepEqual([busy.code, busy.err], [1, "llorch: No; try again in 3 s\n"]);
    const closed = await run("show", "x");
    assert.equal(closed.code, 1);
    assert.match(closed.err, /^llorch: No; set LLORCH_API_TOKEN, or orchestrator\.token_file with/);
  });
});

/** Runs a test with a proxy that breaks the first `times` connections after 3000 bytes each. */
async function withBreakingProxy(
  { url }: Stack,
  times: number,
  test: (url: string, broken: () => number) => Promise<void>,
): Promise<void> {
  const port = Number(new URL(url).port);
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const pipes: Promise<void>[] = [];
  let broken = 0;
  const serve = (async () => {
    for await (const client of listener) {
      const server = await Deno.connect({ hostname: "127.0.0.1", port });
      const close = () => {
        for (const connection of [client, server]) {
          try {
            connection.close();
          } catch {
            // The other direction has closed it already.
          }
        }
      };
      pipes.push(copy(client, server, () => true).finally(close));
      let left = 3000;
      const mayPass = (bytes: number) => {
        left -= bytes;
        if (left > 0 || broken >= times) return true;
        broken++;
        return false;
      };
      pipes.push(copy(server, client, mayPass).finally(close));
    }
  })();
  const { port: own } = listener.addr as Deno.NetAddr;
  try {
    await test(`http://127.0.0.1:${own}`, () => broken);
  } finally {
    listener.close();
    await serve;
    await Promise.all(pipes);
  }
}

async function copy(
  from: Deno.Conn,
  to: Deno.Conn,
  mayPass: (bytes: number) => boolean,
): Promise<void> {
  const buffer = new Uint8Array(1024);
  try {
    for (let read = await from.read(buffer); read !== null; read = await from.read(buffer)) {
      if (!mayPass(read)) return;
      for (let at = 0; at < read;) at += await to.write(buffer.subarray(at, read));
    }
  } catch {
    // One side has closed the connection.
  }
}
