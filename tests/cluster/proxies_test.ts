/**
 * The proxies that docs/operations.md shows in front of several orchestrators: one that stops behind them fails
 * no request of clients that never retry.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { WHY_NO_POSTGRES } from "../support/postgres.ts";
import { ROOT, startCommand, until, within } from "../support/stack.ts";
import { counted, withCluster } from "./cluster.ts";

const TOKEN = "the-token-that-all-daemons-share";

/** A proxy and its example. */
interface Proxy {
  readonly name: string;
  readonly path: string;
  /** The complete configuration around the example; `dir` is a folder for the proxy's files. */
  readonly config: (example: string, port: number, dir: string) => string;
  readonly args: (file: string) => string[];
}

const PROXIES: readonly Proxy[] = [
  {
    name: "haproxy",
    path: "/usr/sbin/haproxy",
    config: (example, port) =>
      `${example}\nfrontend f\n    bind 127.0.0.1:${port}\n    default_backend orchestrators\n`,
    args: (file) => ["-db", "-f", file],
  },
  {
    name: "nginx",
    path: "/usr/sbin/nginx",
    config: (example, port, dir) =>
      `daemon off;
      pid ${dir}/pid;
      events {}
      http {
        access_log off;
        ${
        ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
          .map((kind) => `${kind}_temp_path ${dir}/${kind};`).join("\n")
      }
        ${example.replace("listen 80;", `listen 127.0.0.1:${port};`)}
      }`,
    args: (file) => ["-c", file, "-e", "stderr"],
  },
];

/** The example of a proxy, with the addresses of these orchestrators. */
async function exampleOf(name: string, urls: readonly string[]): Promise<string> {
  const page = await Deno.readTextFile(join(ROOT, "docs/operations.md"));
  let example = new RegExp(`\`\`\`${name}\n([^]*?)\`\`\``).exec(page)?.[1];
  assert.ok(example, `docs/operations.md has an example for ${name}`);
  for (const [at, url] of urls.entries()) {
    const shown = `10.0.0.${at + 1}:8080`;
    assert.ok(example.includes(shown));
    example = example.replace(shown, new URL(url).host);
  }
  return example;
}

function exists(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

/** A port that is free now: the proxies cannot choose one themselves. */
function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

async function complete(url: string): Promise<void> {
  const reply = await fetch(`${url}/v1/completions`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${TOKEN}` },
    body: JSON.stringify({ model: "counter", prompt: " w1", max_tokens: 3, temperature: 0 }),
  });
  const text = await reply.text();
  assert.equal(reply.status, 200, text);
  assert.equal(JSON.parse(text).choices[0].text, counted(3));
}

async function check(proxy: Proxy): Promise<void> {
  await withCluster(async ({ orchestrators, leader, again }) => {
    const dir = await Deno.makeTempDir({ prefix: "llorch-proxy-" });
    const [port, file] = [freePort(), join(dir, "config")];
    const example = await exampleOf(proxy.name, orchestrators.map(({ url }) => url));
    await Deno.writeTextFile(file, proxy.config(example, port, dir));
    const running = startCommand(proxy.path, proxy.args(file), {
      HOME: dir,
      LLORCH_API_TOKEN: TOKEN,
    });
    const url = `http://127.0.0.1:${port}`;
    try {
      await until("the model answers", () => complete(url).then(() => true, () => false));
      let isOver = false;
      let answered = 0;
      const client = async () => {
        while (!isOver) {
          await complete(url);
          answered++;
        }
      };
      const clients = Promise.all([client(), client()]);
      const goesOn = (what: string) => {
        const before = answered;
        return Promise.race([until(what, () => answered > before + 10), clients]);
      };
      await goesOn("requests are answered");
      const first = await leader();
      first.program.kill("SIGTERM");
      assert.equal((await within(first.program.status, "it has ended")).code, 0);
      await goesOn("requests are answered by the others");
      await again(orchestrators.indexOf(first));
      await goesOn("requests are answered by all of them");
      isOver = true;
      await clients;
    } catch (error) {
      throw new Error(`${(error as Error).message}\n${proxy.name}: ${running.stderr()}`);
    } finally {
      running.kill("SIGTERM");
      await running.lines.return(undefined);
      await running.status;
      await Deno.remove(dir, { recursive: true });
    }
  }, { token: TOKEN });
}

for (const proxy of PROXIES) {
  const why = WHY_NO_POSTGRES ??
    (exists(proxy.path) ? undefined : `needs Debian's package ${proxy.name}`);
  Deno.test({
    name: `behind ${proxy.name}, an orchestrator that stops fails no request${
      why === undefined ? "" : ` (skipped: ${why})`
    }`,
    ignore: why !== undefined,
    fn: () => check(proxy),
  });
}
