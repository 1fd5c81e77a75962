/**
 * A restart of one orchestrator after the other behind haproxy, under requests of clients that never retry.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { readSse } from "#shared/http/sse.ts";
import { ROUNDS } from "../faults/rounds.ts";
import { WHY_NO_POSTGRES } from "../support/postgres.ts";
import { startCommand, until, within } from "../support/stack.ts";
import { counted, read, withCluster } from "./cluster.ts";

const HAPROXY = "/usr/sbin/haproxy";
const WHY_NOT = WHY_NO_POSTGRES ?? (exists(HAPROXY) ? undefined : "needs Debian's package haproxy");
const SKIPPED = WHY_NOT ? ` (skipped: ${WHY_NOT})` : "";

/** Requests in a second. */
const RATE = ROUNDS > 2 ? 50 : 10;

function exists(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

const config = (port: number, urls: readonly string[]) => `
defaults
    mode http
    timeout connect 1s
    timeout client 1h
    timeout server 1h
    timeout check 10s
    option redispatch
    retries 3
frontend llorch
    bind 127.0.0.1:${port}
    stats enable
    stats uri /haproxy
    default_backend orchestrators
backend orchestrators
    balance roundrobin
    option httpchk
    http-check send meth GET uri /ready ver HTTP/1.1 hdr Host localhost
    http-check expect status 200
    default-server check inter 500ms fall 1 rise 1
${urls.map((url, n) => `    server o${n} ${new URL(url).host}`).join("\n")}
`;

/** Clients that send a request once. */
class Clients {
  readonly failed: string[] = [];
  sent = 0;
  readonly #url: string;
  readonly #open = new Set<Promise<void>>();
  readonly #timer: ReturnType<typeof setInterval>;

  constructor(url: string) {
    this.#url = url;
    const kinds = [() => this.#whole(), () => this.#stream(), () => this.#durable()];
    this.#timer = setInterval(() => {
      const work = kinds[this.sent++ % kinds.length]!()
        .catch((error) => void this.failed.push(String(error)))
        .finally(() => this.#open.delete(work));
      this.#open.add(work);
    }, 1000 / RATE);
  }

  /** Ends once every request has ended. */
  async end(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all(this.#open);
  }

  async #post(path: string, tokens: number, fields: Record<string, unknown>): Promise<Response> {
    const reply = await fetch(this.#url + path, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({
        ...{ model: "counter", prompt: " w1", max_tokens: tokens, temperature: 0 },
        ...fields,
      }),
    });
    if (!reply.ok) throw new Error(`${path}: ${reply.status} ${await reply.text()}`);
    return reply;
  }

  async #whole(): Promise<void> {
    const reply = await this.#post("/v1/completions", 5, {});
    assert.equal((await reply.json()).choices[0].text, counted(5));
  }

  async #stream(): Promise<void> {
    const reply = await this.#post("/v1/completions", 20, { stream: true });
    let text = "";
    for await (const { data } of readSse(reply.body!)) {
      if (data !== "[DONE]") text += JSON.parse(data).choices[0]?.text ?? "";
    }
    assert.equal(text, counted(20));
  }

  /** A stream that is resumed by the id of its last event counts as whole. */
  async #durable(): Promise<void> {
    const { job_id } = await (await this.#post("/v2/tasks", 20, { detached: true })).json();
    const events: { id: number; event: string; text: string }[] = [];
    await until(`job ${job_id} has ended`, async () => {
      events.push(...await read(this.#url, job_id, events.at(-1)?.id ?? 0));
      return ["end", "error"].includes(events.at(-1)?.event ?? "");
    }, 60_000);
    assert.equal(events.map(({ text }) => text).join(""), counted(20));
    assert.deepEqual(events.map(({ id }) => id), events.map((_, at) => at + 1));
  }
}

Deno.test({
  name: `a restart of one after the other behind haproxy fails no request${SKIPPED}`,
  ignore: WHY_NOT !== undefined,
  fn: (t) =>
    withCluster(async ({ orchestrators, leader, again }) => {
      const dir = await Deno.makeTempDir({ prefix: "llorch-rolling-" });
      const port = freePort();
      const url = `http://127.0.0.1:${port}`;
      await Deno.writeTextFile(join(dir, "cfg"), config(port, orchestrators.map((one) => one.url)));
      const proxy = startCommand(HAPROXY, ["-db", "-f", join(dir, "cfg")], { HOME: dir });
      const isUp = async (at: number) => {
        const reply = await fetch(`${url}/haproxy;csv`).catch(() => undefined);
        return (await reply?.text())?.split("\n").find((line) =>
          line.startsWith(`orchestrators,o${at},`)
        )?.split(",")[17] === "UP";
      };
      try {
        for (const at of orchestrators.keys()) await until("haproxy knows it", () => isUp(at));
        await until("the model answers", async () => {
          const body = JSON.stringify({ model: "counter", prompt: "w1", max_tokens: 1 });
          const headers = { "content-type": "application/json" };
          const reply = await fetch(`${url}/v1/completions`, { method: "POST", headers, body });
          await reply.body?.cancel();
          return reply.ok;
        });
        const clients = new Clients(url);
        // The one that leads comes last: then each of them has led once more.
        const first = orchestrators.indexOf(await leader());
        const order = [...orchestrators.keys()].sort((a, b) =>
          Number(a === first) - Number(b === first)
        );
        for (const at of order) {
          const { program } = orchestrators[at]!;
          const before = clients.sent;
          await until("requests go on", () => clients.sent > before + RATE);
          program.kill("SIGTERM");
          assert.equal((await within(program.status, "it has ended")).code, 0);
          await again(at);
          await until("haproxy knows it again", () => isUp(at));
        }
        const before = clients.sent;
        await until("requests go on", () => clients.sent > before + RATE);
        await clients.end();
        assert.deepEqual(clients.failed, []);
        await t.step(`${clients.sent} requests, none failed`, () => {});
      } catch (error) {
        console.error(proxy.stderr());
        throw error;
      } finally {
        proxy.kill("SIGTERM");
        await proxy.lines.return(undefined);
        await proxy.status;
        await Deno.remove(dir, { recursive: true });
      }
    }, {
      settings: "stop_deadline_ms = 20000\nqueue.capacity = 1000\n" +
        // On a busy machine, all of this takes its time.
        "cluster.leader_wait_ms = 60000\ncluster.leave_ms = 10000",
    }),
});
