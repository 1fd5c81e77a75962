import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { orchestratorRoutes as routes } from "#shared/contracts/mod.ts";
import { createClient } from "#shared/http/client.ts";
import { browserTest, withBrowser } from "../support/browser.ts";
import { ENDLESS_CONTEXT } from "../support/counting_job.ts";
import { type Service, withService } from "../support/service.ts";
import { slowCounterModel } from "../support/slow_counter.ts";
import { follow, numbersOf, range, ROOT, run, startCommand, until } from "../support/stack.ts";

/** A reverse proxy: its executable, its arguments, and its example in the documentation. */
interface Proxy {
  readonly name: string;
  readonly path: string;
  /** The complete configuration around the example; `dir` is a folder for the proxy's files. */
  readonly config: (example: string, dir: string) => string;
  readonly args: (config: string) => string[];
}

const PROXIES: readonly Proxy[] = [
  {
    name: "nginx",
    path: "/usr/sbin/nginx",
    config: (example, dir) => `
      daemon off;
      pid ${dir}/pid;
      events {}
      http {
        access_log off;
        ${
      ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map((kind) => `${kind}_temp_path ${dir}/${kind};`).join("\n")
    }
        ${example}
      }`,
    args: (config) => ["-c", config, "-e", "stderr"],
  },
  {
    name: "haproxy",
    path: "/usr/sbin/haproxy",
    config: (example) => example,
    args: (config) => ["-db", "-f", config],
  },
  {
    name: "caddy",
    path: "/usr/bin/caddy",
    config: (example) => `{\n admin off\n}\n${example}`,
    args: (config) => ["run", "--adapter", "caddyfile", "--config", config],
  },
];

/** The example of a proxy from the documentation, with the ports of this test. */
async function exampleOf(name: string, port: number, upstream: string): Promise<string> {
  const page = await Deno.readTextFile(join(ROOT, "docs/reverse-proxy.md"));
  const example = new RegExp(`\`\`\`${name}\n([^]*?)\`\`\``).exec(page)?.[1];
  assert.ok(example, `docs/reverse-proxy.md has an example for ${name}`);
  const own = example
    .replace("listen 80;", `listen 127.0.0.1:${port};`)
    .replace("bind :80", `bind 127.0.0.1:${port}`)
    .replace(":80 {", `http://127.0.0.1:${port} {`)
    .replace("127.0.0.1:8080", new URL(upstream).host);
  assert.notEqual(own, example);
  return own;
}

/** Runs a test with orchestratord behind a proxy, under `/llm`. */
async function behind(
  proxy: Proxy,
  test: (url: string, service: Service) => Promise<void>,
): Promise<void> {
  const dir = await Deno.makeTempDir({ prefix: "llorch-proxy-" });
  try {
    await withService(dirname(slowCounterModel()), async (service) => {
      const port = freePort();
      const file = join(dir, "config");
      const example = await exampleOf(proxy.name, port, service.orchestratord.url);
      await Deno.writeTextFile(file, proxy.config(example, dir));
      const running = startCommand(proxy.path, proxy.args(file), { HOME: dir });
      try {
        const url = `http://127.0.0.1:${port}/llm`;
        await until(`${proxy.name} answers`, async () => {
          const reply = await fetch(`${url}/health`).catch(() => undefined);
          await reply?.body?.cancel();
          return reply?.ok === true;
        });
        await test(url, service);
      } catch (error) {
        console.error(running.stderr());
        throw error;
      } finally {
        running.kill("SIGTERM");
        await running.lines.return(undefined);
        await running.status;
      }
    }, {
      orchestratord: `base_path = "/llm"`,
      poolManagerd: `worker.default_context = ${ENDLESS_CONTEXT}`,
    });
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

/** A port that is free now: the proxies cannot choose one themselves. */
function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

const TASK = { model: "slow-counter", prompt: "w7", max_tokens: 200, temperature: 0 };

for (const proxy of PROXIES) {
  const isThere = exists(proxy.path);
  const reason = isThere ? "" : ` (skipped: ${proxy.name} is not installed)`;
  Deno.test({
    name: `behind ${proxy.name}, under a sub-path, streams are exact and come as they are made` +
      reason,
    ignore: !isThere,
    fn: () =>
      behind(proxy, async (url) => {
        const client = createClient({ baseUrl: url });
        assert.deepEqual(numbersOf(await run(client, TASK)), range(8, 200));
        assert.deepEqual(await completion(url), range(8, 200));

        // The first token arrives although the job still runs: only this test ends it.
        const endless = { ...TASK, max_tokens: 30_000, detached: true };
        const accepted = await client.call(routes.submit, { body: endless });
        assert.match(accepted.events_url, /^\/llm\/v2\/tasks\/job-/);
        for await (const { event } of follow(client, accepted.job_id)) if (event === "token") break;
        const view = await client.call(routes.getTask, { params: { id: accepted.job_id } });
        assert.equal(view.ended_at, undefined);
        await client.call(routes.cancelTask, { params: { id: accepted.job_id } });
        const events = await fetch(new URL(accepted.events_url, url));
        assert.match(await events.text(), /event: token[^]*"code":"CANCELLED"/);

        const page = await fetch(url, { headers: { accept: "text/html" } });
        assert.equal(page.url, `${url}/`, "the trailing slash is added");
        const html = await page.text();
        const files = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, path]) => path!);
        assert.equal(files.length, 3);
        for (const path of files) {
          const file = await fetch(new URL(path, page.url));
          await file.body?.cancel();
          assert.equal(file.status, 200, path);
        }
        const { servers } = await (await fetch(`${url}/openapi.json`)).json();
        assert.deepEqual(servers, [{ url: "/llm" }]);
      }),
  });
}

const first = PROXIES.find(({ path }) => exists(path));
if (first) {
  browserTest("the console works under a sub-path, as people open it", async () => {
    await behind(first, async (url) => {
      await withBrowser(async (browser) => {
        const page = await browser.open(`${url}/`);
        await page.getByText("live", { exact: true }).waitFor();
        await page.getByRole("link", { name: "Models" }).click();
        await page.getByRole("article", { name: "Model slow-counter" }).waitFor();
        await page.getByRole("link", { name: "Playground" }).click();
        await page.getByText(`${url}/v1/chat/completions`).waitFor();
        assert.deepEqual(browser.errors, []);
      });
    });
  });
}

/** The numbers of a completion that `/v1` streamed. */
async function completion(url: string): Promise<number[]> {
  const reply = await fetch(`${url}/v1/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ ...TASK, stream: true }),
  });
  const text = [...(await reply.text()).matchAll(/^data: (\{.*\})$/gm)]
    .map(([, data]) => JSON.parse(data!).choices[0]?.text ?? "").join("");
  return [...text.matchAll(/w(\d+)/g)].map(([, number]) => Number(number));
}

function exists(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}
