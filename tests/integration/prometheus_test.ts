import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { DASHBOARDS } from "../../tools/dashboards.ts";
import { slowCounterModel } from "../support/slow_counter.ts";
import { ROOT, run, startCommand, until, withStack } from "../support/stack.ts";

const FILES = join(ROOT, "deploy/prometheus");

async function has(tool: string): Promise<boolean> {
  const args = ["-c", `command -v ${tool}`];
  return (await new Deno.Command("sh", { args, stdout: "null" }).output()).success;
}

const debian = { ignore: !await has("prometheus") || !await has("promtool") }; // Package prometheus.

async function promtool(...args: string[]): Promise<void> {
  const { code, stdout, stderr } = await new Deno.Command("promtool", { args, cwd: FILES })
    .output();
  const decoder = new TextDecoder();
  assert.equal(code, 0, decoder.decode(stdout) + decoder.decode(stderr));
}

Deno.test("promtool finds nothing wrong with rules and scrape configuration", debian, async () => {
  await promtool("check", "rules", "alerts.yml", "recording.yml");
  const dir = await Deno.makeTempDir({ prefix: "llorch-test-" });
  const config = await Deno.readTextFile(join(FILES, "prometheus.yml"));
  await Deno.writeTextFile(join(dir, "token"), "x");
  await Deno.writeTextFile(
    join(dir, "prometheus.yml"),
    config.replaceAll(/\/etc\/prometheus\/llorch-(pool-)?token/g, join(dir, "token"))
      .replace(/- (\w+\.yml)/g, `- ${FILES}/$1`),
  );
  await promtool("check", "config", join(dir, "prometheus.yml"));
  await Deno.remove(dir, { recursive: true });
});

Deno.test("each alert fires when it should, and none in normal operation", debian, async () => {
  await promtool("test", "rules", "alerts_test.yml");
});

/** All queries of the rules and dashboards. */
async function queries(): Promise<string[]> {
  const rules = await Promise.all(
    ["alerts.yml", "recording.yml"].map((file) => Deno.readTextFile(join(FILES, file))),
  );
  const expressions = [...rules.join("\n").matchAll(/^ +expr: (?:>-\n((?: {10}.*\n)+)|(.*)\n)/gm)]
    .map(([, folded, plain]) => (folded ?? plain ?? "").replace(/\s+/g, " ").trim());
  assert.equal(expressions.length, rules.join("\n").match(/expr:/g)?.length);
  const lines = DASHBOARDS.flatMap(({ panels }) =>
    panels.flatMap((each) => Object.values(each.lines))
  );
  return [...expressions, ...lines.map((line) => line.replaceAll("$__rate_interval", "1m"))];
}

Deno.test("every query uses metrics that a running service exports", debian, async () => {
  await withStack({ models: dirname(slowCounterModel()), model: "slow-counter" }, async (stack) => {
    await run(stack.client, { model: "slow-counter", prompt: "w1", max_tokens: 50 });
    const dir = await Deno.makeTempDir({ prefix: "llorch-test-" });
    const job = (name: string, url: string) =>
      `  - job_name: ${name}\n    static_configs: [{ targets: ["${new URL(url).host}"] }]\n`;
    await Deno.writeTextFile(
      join(dir, "prometheus.yml"),
      `global: { scrape_interval: 1s, evaluation_interval: 1s }\n` +
        `rule_files: ["${FILES}/recording.yml", "${FILES}/alerts.yml"]\nscrape_configs:\n` +
        job("orchestratord", stack.url) + job("pool-managerd", stack.poolUrl),
    );
    const port = freePort();
    const prometheus = startCommand("prometheus", [
      `--config.file=${join(dir, "prometheus.yml")}`,
      `--storage.tsdb.path=${join(dir, "data")}`,
      `--web.listen-address=127.0.0.1:${port}`,
      "--log.level=error",
    ]);
    try {
      const ask = async (query: string) => {
        const url = `http://127.0.0.1:${port}/api/v1/query?${new URLSearchParams({ query })}`;
        return await (await fetch(url)).json();
      };
      await until("both daemons were scraped twice", async () => {
        const counted = await ask("count_over_time(process_resident_memory_bytes[1m]) >= 2")
          .catch(() => undefined);
        return counted?.data?.result.length === 2;
      });
      const known = new Set<string>(
        (await (await fetch(`http://127.0.0.1:${port}/api/v1/label/__name__/values`)).json()).data,
      );
      for (const query of await queries()) {
        const answer = await ask(query);
        assert.equal(answer.status, "success", `${query}: ${answer.error}`);
        for (const [name] of query.matchAll(/\b(orchd|pool_mgr|worker|process)_\w+/g)) {
          assert.ok(known.has(name), `${name} in ${query} is not a metric of a running service`);
        }
      }
    } finally {
      prometheus.kill("SIGTERM");
      await prometheus.status;
      await prometheus.lines.return(undefined);
      await Deno.remove(dir, { recursive: true });
    }
  });
});

/** A port that is free now; with port 0, Prometheus would not say which one it uses. */
function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}
