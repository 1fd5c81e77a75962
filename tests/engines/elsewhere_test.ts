/**
 * Servers that run elsewhere, configured by their URL, tested through the whole service.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { orchestratorRoutes as routes } from "#shared/contracts/mod.ts";
import {
  type Elsewhere,
  elsewhere,
  ELSEWHERE_KEY,
  type ElsewhereOptions,
} from "../support/elsewhere.ts";
import { runExecutable, type Service, withService } from "../support/service.ts";
import { HAS_OPENSSL, withCertificates } from "../support/certificates.ts";
import { follow, numbersOf, range, type Received, run, until } from "../support/stack.ts";

/** Runs a test with a service whose only models are those of a server elsewhere. */
async function withElsewhere(
  options: ElsewhereOptions,
  test: (service: Service, server: Elsewhere) => Promise<void>,
  { slots = 2, toml = "", url }: { slots?: number; toml?: string; url?: string } = {},
): Promise<void> {
  const dir = await Deno.makeTempDir({ prefix: "llorch-models-" });
  const key = await keyFile(dir, ELSEWHERE_KEY);
  await using server = elsewhere(options);
  try {
    await withService(join(dir, "none"), (service) => test(service, server), {
      poolManagerd: `[engines.rented]
        url = ${JSON.stringify(url ?? `${server.url}/v1/`)}
        api_key_file = ${JSON.stringify(key)}
        slots = ${slots}
        models = ${JSON.stringify(options.models ?? ["counting", "other"])}
        ${toml}`,
    });
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

async function keyFile(dir: string, key: string): Promise<string> {
  const path = join(dir, "rented.key");
  await Deno.writeTextFile(path, `${key}\n`, { mode: 0o600 });
  return path;
}

const task = { model: "counting", prompt: " w1", max_tokens: 30 };

Deno.test("a server elsewhere serves its models behind the queue, and only the worker has its key", () =>
  withElsewhere({}, async (service, server) => {
    const { client, workers, poolManagerd, orchestratord, dir } = service;
    const { models } = await client.call(routes.models, { query: { fit: "true" } });
    assert.deepEqual(models.map(({ model_ref }) => model_ref), ["counting", "other"]);
    const { host } = new URL(server.url);
    for (const model of models) {
      assert.deepEqual(model.elsewhere, [{ host, is_outside: false }]);
      assert.equal(model.estimated_bytes, 0);
      assert.deepEqual(model.fit?.map(({ device, fits }) => [device, fits]), [["cpu", "now"]]);
    }
    const events = await run(client, task);
    assert.deepEqual(numbersOf(events), range(2, 30));
    const chat = { model: "other", messages: [{ role: "user" as const, content: "w3" }] };
    assert.deepEqual(numbersOf(await run(client, { ...chat, max_tokens: 3 })), range(4, 3));
    assert.equal(
      server.calls.findLast(({ path }) => path.endsWith("/completions"))?.body["model"],
      "other",
    );
    const all = await workers();
    assert.equal(all.length, 2);
    for (const worker of all) {
      assert.deepEqual([worker.slots, worker.memory_bytes, worker.device], [2, 0, "cpu"]);
      const argv = await Deno.readTextFile(`/proc/${worker.pid}/cmdline`);
      assert.match(argv, /--openai-url/);
      assert.ok(!argv.includes(ELSEWHERE_KEY), "argv");
      const env = await Deno.readTextFile(`/proc/${worker.pid}/environ`);
      assert.ok(!env.includes(ELSEWHERE_KEY), "environment");
      const logs = await service.llorch("worker", "logs", worker.worker_id);
      assert.equal(logs.code, 0, logs.err);
      assert.match(logs.out, /engine_ready/);
      assert.ok(!logs.out.includes(ELSEWHERE_KEY), "log");
    }
    const pools = await client.call(routes.pools, {});
    const told = JSON.stringify([pools, models, poolManagerd.log, orchestratord.log]);
    assert.ok(!told.includes(ELSEWHERE_KEY), "reports and logs");
    for await (const { name } of Deno.readDir(join(dir, "pool-managerd"))) {
      if (!/\.db/.test(name)) continue;
      const bytes = await Deno.readFile(join(dir, "pool-managerd", name));
      assert.ok(!new TextDecoder("latin1").decode(bytes).includes(ELSEWHERE_KEY), name);
    }
  }));

Deno.test("a server elsewhere gets no more requests at once than it has slots", () =>
  withElsewhere({ interval: 5 }, async ({ client }, server) => {
    const answers = await Promise.all(
      Array.from({ length: 6 }, (_, at) => run(client, { ...task, prompt: ` w${at * 50}` })),
    );
    assert.deepEqual(answers.map(numbersOf), answers.map((_, at) => range(at * 50 + 1, 30)));
    assert.equal(server.mostStreams, 2);
  }));

Deno.test("a server elsewhere that is busy or away is asked again when it says, unseen by the client", () =>
  withElsewhere({}, async ({ client }, server) => {
    await run(client, task);
    const busy = { status: 429, headers: { "retry-after": "2" } };
    server.replies.push(
      new Response("slow down", busy),
      new Response("bad gateway", { status: 502 }),
    );
    const before = server.calls.length;
    const begun = performance.now();
    const events = await run(client, task);
    assert.deepEqual(numbersOf(events), range(2, 30));
    assert.ok(performance.now() - begun >= 2_900, "it waits as long as it was asked to");
    assert.equal(
      server.calls.slice(before).filter(({ path }) => path === "/v1/completions").length,
      3,
    );
    assert.ok(events.every(({ event, data }) => event !== "metrics" || data.attempt === 1));
  }));

Deno.test("an answer of a server elsewhere that broke off goes on where it reports token ids", () =>
  withElsewhere({ kind: "vllm" }, async ({ client }, server) => {
    server.cuts.push(10, 7);
    const events = await run(client, task);
    assert.deepEqual(numbersOf(events), range(2, 30));
    assert.equal(events.at(-1)?.event, "end");
    const prompts = server.calls.flatMap(({ path, body }) =>
      path === "/v1/completions" && body["stream"] === true ? [body["prompt"]] : []
    );
    assert.deepEqual(prompts, [[1], range(1, 11), range(1, 18)]);
  }));

Deno.test("an answer of a server elsewhere that broke off ends with WORKER_LOST where it reports no ids", () =>
  withElsewhere({}, async ({ client }, server) => {
    server.cuts.push(10);
    const events = await run(client, task);
    const last = events.at(-1)!;
    assert.ok(last.event === "error");
    assert.deepEqual([last.data.code, last.data.retriable], ["WORKER_LOST", true]);
    assert.deepEqual(numbersOf(events), range(2, 10));
  }));

Deno.test("a client that leaves ends the request at the server elsewhere", () =>
  withElsewhere({ interval: 20 }, async ({ client, workers }) => {
    for await (const { event, data } of follow(client, { ...task, max_tokens: 400 })) {
      if (event === "started") {
        await client.call(routes.cancelTask, { params: { id: data.job_id } });
      }
      if (event === "error") assert.equal(data.code, "CANCELLED");
    }
    await until("the slot is free", async () => (await workers())[0]?.active === 0);
    assert.deepEqual(numbersOf(await run(client, { ...task, max_tokens: 3 })), range(2, 3));
  }));

/** What a job ends with whose worker cannot start. */
async function failure({ client }: Service): Promise<string> {
  const events: Received[] = await run(client, task);
  const last = events.at(-1)!;
  assert.ok(last.event === "error", JSON.stringify(last));
  assert.equal(last.data.code, "WORKER_START_FAILED");
  return last.data.message;
}

const GIVES_UP_SOON = "workers.breaker_failures = 1";

Deno.test("a refused key is said after one try, without the key", async () => {
  const dir = await Deno.makeTempDir({ prefix: "llorch-models-" });
  const key = await keyFile(dir, "sk-wrong");
  await using server = elsewhere({});
  try {
    await withService(join(dir, "none"), async (service) => {
      const message = await failure(service);
      assert.match(message, /refuses the worker's key \(401\)/);
      assert.doesNotMatch(message, /sk-wrong/);
      assert.equal(server.calls.length, 1, "more tries could lock the account");
    }, {
      poolManagerd: `[engines.rented]
        url = ${JSON.stringify(server.url)}
        api_key_file = ${JSON.stringify(key)}
        models = ["counting"]`,
    });
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("a key file that cannot be used is said at the start, and to clients without its folder", async () => {
  const dir = await Deno.makeTempDir({ prefix: "llorch-models-" });
  const key = join(dir, "none.key");
  try {
    await withService(join(dir, "none"), async (service) => {
      const warning = service.poolManagerd.log.find(({ event }) => event === "engine_not_usable");
      assert.equal(warning?.["key"], "engines.rented.api_key_file");
      assert.match(String(warning["reason"]), new RegExp(`Cannot read the API key file ${key}`));
      const message = await failure(service);
      assert.match(message, /Cannot read the API key file none\.key: /);
      assert.ok(!message.includes(dir), message);
    }, {
      poolManagerd: `[engines.rented]
        url = "https://gpu.example.org"
        api_key_file = ${JSON.stringify(key)}
        models = ["counting"]`,
    });
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test({
  name:
    "the certificate of a server elsewhere is verified, with an authority of its own if one is named",
  ignore: !HAS_OPENSSL,
  fn: () =>
    withCertificates(async (certificates) => {
      await withElsewhere({ tls: certificates }, async ({ client }) => {
        assert.deepEqual(numbersOf(await run(client, task)), range(2, 30));
      }, { toml: `ca_file = ${JSON.stringify(certificates.ca)}` });
      await using server = elsewhere({ tls: certificates });
      const dir = await Deno.makeTempDir({ prefix: "llorch-models-" });
      try {
        await withService(join(dir, "none"), async (service) => {
          assert.match(await failure(service), /certificate/);
          assert.deepEqual(server.calls, [], "nothing was sent");
        }, {
          orchestratord: GIVES_UP_SOON,
          poolManagerd: `[engines.rented]
            url = ${JSON.stringify(server.url)}
            models = ["counting"]`,
        });
      } finally {
        await Deno.remove(dir, { recursive: true });
      }
    }),
});

Deno.test("a redirect to another host is not followed, and no key goes there", async () => {
  const dir = await Deno.makeTempDir({ prefix: "llorch-models-" });
  const key = await keyFile(dir, ELSEWHERE_KEY);
  await using other = elsewhere({});
  const redirecting = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    (request) => Response.redirect(other.url + new URL(request.url).pathname, 307),
  );
  try {
    await withService(join(dir, "none"), async (service) => {
      const message = await failure(service);
      assert.match(
        message,
        new RegExp(`redirects \\(307\\) to ${other.url}, which is not followed`),
      );
      assert.deepEqual(other.calls, []);
    }, {
      orchestratord: GIVES_UP_SOON,
      poolManagerd: `[engines.rented]
        url = "http://127.0.0.1:${redirecting.addr.port}"
        api_key_file = ${JSON.stringify(key)}
        models = ["counting"]`,
    });
  } finally {
    await redirecting.shutdown();
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("--check-config says where prompts go, and what is wrong with an engine's url and files", async () => {
  const dir = await Deno.makeTempDir({ prefix: "llorch-test-" });
  const key = await keyFile(dir, ELSEWHERE_KEY);
  const check = async (toml: string) => {
    const path = join(dir, "pool-manager.toml");
    await Deno.writeTextFile(path, `[engines.rented]\n${toml}\n`);
    return await runExecutable("pool-managerd", [`--config=${path}`, "--check-config"], {});
  };
  try {
    const good = await check(
      `url = "https://gpu.example.org"\napi_key_file = "${key}"\nmodels = ["a", "b"]`,
    );
    assert.equal(good.code, 0, good.err);
    assert.match(
      good.out,
      /engines\.rented: prompts and answers of a, b leave this network: they go to gpu\.example\.org/,
    );
    const near = await check(`url = "http://192.168.1.20:1234/v1"\nmodels = ["a"]`);
    assert.match(near.out, /of a go to 192\.168\.1\.20:1234, unencrypted/);
    await Deno.chmod(key, 0o644);
    const cases: readonly (readonly [toml: string, message: RegExp])[] = [
      [
        `url = "https://gpu.example.org"\napi_key_file = "${key}"\nmodels = ["a"]`,
        /:3: .*api_key_file: .*chmod 600/,
      ],
      [
        `url = "https://gpu.example.org"\napi_key_file = "/none"\nmodels = ["a"]`,
        /:3: .*api_key_file: Cannot read/,
      ],
      [
        `url = "http://gpu.example.org"\napi_key_file = "${key}"\nmodels = ["a"]`,
        /:2: .*url would send the key .* use https/,
      ],
      [
        `url = "https://0xA9FEA9FE/"\nmodels = ["a"]`,
        /:2: .*url names 169\.254\.169\.254, where machines keep secrets/,
      ],
      [
        `url = "https://me:pw@gpu.example.org"\nmodels = ["a"]`,
        /:2: .*url must not carry a user or password/,
      ],
      [`url = "ftp://x"\nmodels = ["a"]`, /:2: .*url must be an http or https URL/],
      [`url = "https://gpu.example.org"`, /models must name the server's models/],
      [`url = "https://gpu.example.org"\nmodels = ["*"]`, /:3: .*models must name each/],
      [
        `url = "https://gpu.example.org"\nmodels = ["a"]\nmemory = 1`,
        /:4: .*memory is only for a command/,
      ],
      [`command = "x"\nmodels = ["a"]\nslots = 2`, /:4: .*slots is only for a server with a url/],
      [`models = ["a"]`, /command is needed to start the server, or url/],
    ];
    for (const [toml, message] of cases) {
      const { code, err } = await check(toml);
      assert.equal(code, 2, toml);
      assert.match(err, message, toml);
    }
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});
