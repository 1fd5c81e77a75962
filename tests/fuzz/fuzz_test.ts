/**
 * Almost valid requests on every route of other vendors' APIs: an answer or an error in the words of
 * the API, never a fault of ours.
 *
 * @module
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import { orchestratorRoutes, type Route } from "#shared/contracts/mod.ts";
import { withHarness } from "../../daemons/orchestratord/testing/harness.ts";
import { until } from "../support/stack.ts";
import { almost, almostText } from "./almost.ts";
import { VALID_REQUESTS, type ValidRequest } from "./valid_requests.ts";

/** Almost valid requests of each valid one; `deno task test:fuzz` sends more. */
const RUNS = Number(Deno.env.get("LLORCH_FUZZ_RUNS") ?? 20);
/** The same in each run, unless a seed is given. */
const SEED = Number(Deno.env.get("LLORCH_SEED") ?? 17);

/** Longest time that a request may take, in ms. */
const DEADLINE_MS = 20_000;

interface Sent {
  readonly path: string;
  readonly init: RequestInit;
}

/** How an almost valid request is sent. */
function almostValid(request: ValidRequest): fc.Arbitrary<Sent> {
  const { route, path = route.path, params = {}, query = {}, body } = request;
  const texts = (values: Readonly<Record<string, string>>) =>
    fc.record(Object.fromEntries(
      Object.entries(values).map(([name, each]) => [name, almostText(each)]),
    ));
  return fc.record({
    params: texts(params),
    query: texts(query),
    body: body === undefined ? fc.constant(undefined) : almost(body),
  }).map((made) => {
    const escaped = (text: string) => encodeURIComponent(text.toWellFormed());
    const filled = path.replace(/\{(\w+)\}/g, (_, name) => escaped(made.params[name] ?? "") || "x");
    const asked = Object.entries(made.query).map(([name, each]) => `${name}=${escaped(each)}`);
    return {
      path: filled + (asked.length > 0 ? `?${asked.join("&")}` : ""),
      init: {
        method: route.method,
        ...(made.body === undefined ? {} : {
          body: JSON.stringify(made.body),
          headers: { "content-type": "application/json" },
        }),
      },
    };
  });
}

/** Checks that a reply is an answer, or an error as its route's API writes it. */
async function checkReply(route: Route, reply: Response): Promise<void> {
  const { status } = reply;
  const text = await reply.text();
  if (status < 400) {
    if (!reply.headers.get("content-type")?.startsWith("application/json")) return;
    const parsed = route.reply?.safeParse(JSON.parse(text));
    assert.ok(parsed?.success ?? true, `${status}: ${text}: ${parsed?.error?.message}`);
    return;
  }
  const isExpected = status < 500 ||
    status === 501 && route.errors.includes("NOT_IMPLEMENTED") ||
    status === 503 && reply.headers.has("retry-after");
  assert.ok(isExpected, `${status}: ${text}`);
  const shape = route.dialect!.errorBody.safeParse(JSON.parse(text));
  assert.ok(shape.success, `${status}: ${text}: ${shape.error?.message}`);
}

Deno.test("every route of other vendors that takes anything has a valid request", () => {
  const known = new Set(VALID_REQUESTS.map(({ route }) => route));
  const missing = Object.values<Route>(orchestratorRoutes).filter((route) =>
    route.dialect && (route.body || route.params || route.query) && !known.has(route)
  );
  assert.deepEqual(missing.map(({ method, path }) => `${method} ${path}`), []);
});

/** Runs a test with a worker that says three words to everything. */
const withWords = (test: (url: string) => Promise<void>) =>
  // The pool reports once; on a slow machine the test takes longer than three reports.
  withHarness({ pools: { heartbeat_interval_ms: 3_600_000 } }, async ({ pool, url, events }) => {
    pool.onSpawn = (_, worker) => {
      worker.script = [1, 2, 3].map((id) => ({ t: ` w${id}`, ids: [id] }));
    };
    pool.vision = true;
    await pool.register();
    await events({ model: "counter", prompt: "w0", max_tokens: 1 });
    await test(url);
    assert.equal((await fetch(`${url}/ready`)).status, 200);
  });

Deno.test("the valid requests are answered", () =>
  withWords(async (url) => {
    const wrong: string[] = [];
    for (const { route, path = route.path, body, params, query } of VALID_REQUESTS) {
      if (params || query || route.errors.includes("NOT_IMPLEMENTED")) continue;
      const text = JSON.stringify(body);
      const reply = await fetch(url + path, {
        method: route.method,
        headers: { "content-type": "application/json" },
        body: text,
      });
      const told = await reply.text();
      // What these name is not there.
      const status = /"(previous_response_id|input_file_id)":/.test(text) ? 404 : route.status;
      if (reply.status !== status) wrong.push(`${path}: ${reply.status} ${told}`);
    }
    assert.deepEqual(wrong, []);
  }));

Deno.test({
  name: `${RUNS} almost valid requests of each kind: answers, and errors in the API's words`,
  fn: () =>
    withWords(async (url) => {
      for (const request of VALID_REQUESTS) {
        for (
          const { path, init } of fc.sample(almostValid(request), { numRuns: RUNS, seed: SEED })
        ) {
          const signal = AbortSignal.timeout(DEADLINE_MS);
          try {
            const reply = await fetch(url + path, { ...init, signal });
            await checkReply(request.route, reply);
          } catch (error) {
            const shown = `${init.method} ${path} ${String(init.body).slice(0, 1500)}`;
            throw new Error(`With LLORCH_SEED=${SEED}: ${shown}`, { cause: error });
          }
        }
      }
    }),
});

/** A line of a batch of embeddings. */
const LINE = {
  ...{ custom_id: "r", method: "POST", url: "/v1/embeddings" },
  body: { model: "counter", input: "w0" },
};

/** A form with a file of almost valid lines, of which a byte may be lost. */
const almostForm = fc.record({
  lines: fc.array(almost(LINE), { minLength: 1, maxLength: 3 }),
  purpose: fc.oneof({ weight: 4, arbitrary: fc.constant("batch") }, almostText("batch")),
  filename: almostText("a.jsonl"),
  cut: fc.option(fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), almostText("")), {
    nil: undefined,
  }),
}).map(({ lines, purpose, filename, cut }) => {
  const parts = [
    ['name="purpose"', purpose],
    [`name="file"; filename="${filename}"`, lines.map((each) => JSON.stringify(each)).join("\n")],
  ];
  const whole = parts.map(([head, text]) =>
    `--x\r\ncontent-disposition: form-data; ${head}\r\n\r\n${text}\r\n`
  ).join("") + "--x--\r\n";
  if (!cut) return whole;
  const [share, junk] = cut;
  const at = Math.floor(whole.length * share);
  return whole.slice(0, at) + junk + whole.slice(at + 1);
});

Deno.test({
  name: `${RUNS} almost valid files of batches: an error or a file, and every batch ends`,
  fn: () =>
    withWords(async (url) => {
      const batches: string[] = [];
      for (const body of fc.sample(almostForm, { numRuns: RUNS, seed: SEED })) {
        const headers = { "content-type": "multipart/form-data; boundary=x" };
        const upload = await fetch(`${url}/v1/files`, { method: "POST", headers, body });
        const file = upload.clone();
        await checkReply(orchestratorRoutes.uploadFile, upload).catch((cause) => {
          throw new Error(`With LLORCH_SEED=${SEED}: ${body.slice(0, 1500)}`, { cause });
        });
        if (!file.ok) {
          await file.body?.cancel();
          continue;
        }
        const created = await fetch(`${url}/v1/batches`, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify({
            ...{ endpoint: "/v1/embeddings", completion_window: "24h" },
            input_file_id: (await file.json()).id,
          }),
        });
        assert.equal(created.status, 200, await created.clone().text());
        batches.push((await created.json()).id);
      }
      assert.ok(batches.length > 0);
      for (const id of batches) {
        await until(`batch ${id} has ended`, async () => {
          const batch = await (await fetch(`${url}/v1/batches/${id}`)).json();
          return ["completed", "failed"].includes(batch.status);
        });
      }
    }),
});
