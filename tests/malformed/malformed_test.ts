import assert from "node:assert/strict";
import { join } from "node:path";
import fc from "fast-check";
import { orchestratorRoutes as routes } from "#shared/contracts/mod.ts";
import { createClient } from "#shared/http/client.ts";
import { delay } from "#shared/lifecycle.ts";
import { startExecutable } from "../support/service.ts";
import { until, within } from "../support/stack.ts";
import { type Malformed, malformedRequest } from "./requests.ts";

/** Number of requests; `deno task test:malformed` sends 20 000. */
const RUNS = Number(Deno.env.get("LLORCH_MALFORMED_RUNS") ?? 3000);

/** Requests that are sent at the same time. */
const PARALLEL = 16;

/** How long the server waits for the rest of an incomplete request, in ms. */
const WAIT_MS = 400;

/** Memory that V8 may keep beyond what it had after the first part, in bytes. */
const SLACK_BYTES = 64 * 1024 * 1024;

const TOKEN = "the-token-of-the-test";

/** Sends a request; returns the status of the first reply, or undefined without one. */
async function send(port: number, request: Malformed): Promise<number | undefined> {
  using connection = await Deno.connect({ hostname: "127.0.0.1", port });
  const { bytes, pieces, share } = request;
  const end = Math.ceil(bytes.length * share);
  const reply = readStatus(connection);
  try {
    let at = 0;
    for (let piece = 0; at < end; piece++) {
      const to = piece === pieces - 1 ? end : Math.ceil(end * (piece + 1) / pieces);
      while (at < to) at += await connection.write(bytes.subarray(at, to));
      if (at < end) await delay(2);
    }
  } catch {
    // The server has answered and closed already.
  }
  // A client that breaks off does not wait for a reply.
  if (share < 1) return undefined;
  return await Promise.race([reply, delay(WAIT_MS).then(() => undefined)]);
}

async function readStatus(connection: Deno.Conn): Promise<number | undefined> {
  const chunk = new Uint8Array(4096);
  try {
    const count = await connection.read(chunk);
    const text = new TextDecoder().decode(chunk.subarray(0, count ?? 0));
    const status = /^HTTP\/1\.\d (\d{3})/.exec(text)?.[1];
    return status === undefined ? undefined : Number(status);
  } catch {
    return undefined;
  }
}

async function rssOf(pid: number): Promise<number> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) * 1024;
}

async function openFilesOf(pid: number): Promise<number> {
  const entries = await Array.fromAsync(Deno.readDir(`/proc/${pid}/fd`));
  return entries.length;
}

/** Sends requests, {@linkcode PARALLEL} at a time, and counts the replies by status. */
async function sendAll(port: number, requests: readonly Malformed[], seed: number) {
  const statuses = new Map<number | undefined, number>();
  let next = 0;
  const work = async () => {
    for (let request = requests[next++]; request; request = requests[next++]) {
      const status = await send(port, request);
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
      // 501: what only the command line does.
      if (status === undefined || status < 500 || status === 501) continue;
      const shown = new TextDecoder().decode(request.bytes).slice(0, 2000);
      assert.fail(`${status} with LLORCH_SEED=${seed} for ${JSON.stringify(shown)}`);
    }
  };
  await Promise.all(Array.from({ length: PARALLEL }, work));
  return statuses;
}

Deno.test({
  name: `${RUNS} malformed requests: only 4xx and 501, no crash, nothing left behind` +
    (Deno.build.os === "linux" ? "" : " (skipped: needs /proc)"),
  ignore: Deno.build.os !== "linux",
  async fn() {
    const dir = await Deno.makeTempDir({ prefix: "llorch-test-" });
    const program = startExecutable("orchestratord", [
      ...["--port=0", `--state-dir=${join(dir, "state")}`],
      ...[
        "--limits-body-timeout-ms=200",
        "--limits-keep-alive-ms=5000",
        "--pools-heartbeat-interval-ms=100000",
      ],
    ], { LLORCH_API_TOKEN: TOKEN });
    const failures: unknown[] = [];
    const listening = Promise.withResolvers<string>();
    const log = (async () => {
      for await (const line of program.lines) {
        const entry = JSON.parse(line);
        if (entry.event === "listening") listening.resolve(entry.url);
        if (entry.level === "error") failures.push(entry);
      }
    })();
    try {
      const url = await within(listening.promise, "orchestratord listens");
      const port = Number(new URL(url).port);
      const client = createClient({ baseUrl: url, token: TOKEN });
      await client.call(routes.registerPool, {
        body: {
          ...{ pool_id: "p", instance_id: "i", endpoint: "http://127.0.0.1:1", version: "0" },
          ...{ models_revision: 1, devices: [], models: [], workers: [], exits: [] },
        },
      });
      const seed = Number(Deno.env.get("LLORCH_SEED") ?? Date.now() % 2 ** 31);
      const requests = fc.sample(malformedRequest(TOKEN), {
        numRuns: RUNS,
        seed,
      });
      const warm = Math.ceil(RUNS / 4);
      const files = await openFilesOf(program.pid);
      const first = await sendAll(port, requests.slice(0, warm), seed);
      const rss = await rssOf(program.pid);
      const rest = await sendAll(port, requests.slice(warm), seed);
      // The requests reach the code that they are meant to test.
      const count = (status: number) => (first.get(status) ?? 0) + (rest.get(status) ?? 0);
      const seldom = RUNS < 10_000 ? [] : [413];
      for (const status of [400, 404, 405, 415, 431, ...seldom]) {
        assert.ok(count(status) > 0, `no reply ${status}`);
      }
      assert.deepEqual(failures, []);
      await client.call(routes.ready, {});
      assert.equal((await client.call(routes.queue, {})).depth, 0);
      await until("no connection is left open", async () => {
        return await openFilesOf(program.pid) <= files;
      });
      await until(
        "the memory is released",
        async () => await rssOf(program.pid) < rss + SLACK_BYTES,
      );
    } finally {
      program.kill("SIGTERM");
      assert.equal((await within(program.status, "it stops")).code, 0, program.stderr());
      await log;
      await Deno.remove(dir, { recursive: true });
    }
  },
});
