import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import {
  type Content,
  orchestratorRoutes as routes,
  type TaskRequestInput,
} from "#shared/contracts/mod.ts";
import { SOUNDS, tone, wav } from "../../tests/support/sounds.ts";
import { until } from "../../tests/support/stack.ts";
import { databasePath } from "./config.ts";
import { begin, call, ended, type Fields } from "./testing/batches.ts";
import { type Harness, withHarness } from "./testing/harness.ts";
import { dataUrl, png } from "./testing/images.ts";

const RED = dataUrl(png(8));
const BLUE = dataUrl(png(9));

const image = (url: string) => ({ type: "image_url", image_url: { url } });
const text = (text: string) => ({ type: "text", text });
const base64 = (url: string) => url.slice(url.indexOf(",") + 1);

/** Runs a test with a model that takes images. */
async function withEyes(
  settings: Record<string, unknown>,
  test: (harness: Harness) => Promise<void>,
): Promise<void> {
  await withHarness(settings, async (harness) => {
    harness.pool.vision = true;
    await harness.pool.register();
    await test(harness);
  });
}

/** Sends JSON to a path. */
async function post(
  { url }: Pick<Harness, "url">,
  path: string,
  body: unknown,
): Promise<{ status: number; body: Fields & { error?: unknown }; text: string }> {
  const reply = await fetch(url + path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  const text = await reply.text();
  return { status: reply.status, text, body: text.startsWith("{") ? JSON.parse(text) : {} };
}

/** The content of each message of the latest execution, without roles. */
const seen = ({ pool }: Harness): Content[] =>
  (pool.only().executions.at(-1)?.messages ?? []).map(({ content }) => content);

const CHAT = "/v1/chat/completions";

/** A chat about images. */
const chat = (...content: unknown[]) => ({
  model: "counter",
  max_tokens: 1,
  messages: [{ role: "user", content }],
});

Deno.test("an image reaches the engine in the same part, in the shape of each API", async () => {
  await withEyes({}, async (harness) => {
    const asked: Readonly<Record<string, unknown>> = {
      [CHAT]: chat(image(RED), text("what is it?")),
      "/v1/messages": {
        ...{ model: "counter", max_tokens: 1 },
        messages: [{
          role: "user",
          content: [
            {
              type: "image",
              source: { type: "base64", media_type: "image/png", data: base64(RED) },
            },
            text("what is it?"),
          ],
        }],
      },
      "/v1/responses": {
        ...{ model: "counter", max_output_tokens: 1 },
        input: [{
          role: "user",
          content: [
            { type: "input_image", image_url: RED, detail: "auto" },
            { type: "input_text", text: "what is it?" },
          ],
        }],
      },
      "/api/chat": {
        ...{ model: "counter", stream: false, options: { num_predict: 1 } },
        messages: [{ role: "user", content: "what is it?", images: [base64(RED)] }],
      },
      "/api/generate": {
        ...{ model: "counter", stream: false, options: { num_predict: 1 } },
        ...{ prompt: "what is it?", images: [base64(RED)] },
      },
    };
    for (const [path, body] of Object.entries(asked)) {
      const { status, text: reply } = await post(harness, path, body);
      assert.equal(status, 200, `${path}: ${reply}`);
      assert.deepEqual(seen(harness), [[image(RED), text("what is it?")]], path);
    }
    const task: TaskRequestInput = {
      ...{ model: "counter", max_tokens: 1 },
      messages: [{ role: "user", content: [{ type: "image_url", image_url: RED }] }],
    };
    assert.equal((await harness.events(task)).at(-1)?.event, "end");
    assert.deepEqual(seen(harness), [[image(RED)]], "/v2/tasks");
  });
});

Deno.test("results of tools have images too", async () => {
  await withEyes({}, async (harness) => {
    const calls = [{ id: "c1", type: "function", function: { name: "shot", arguments: "{}" } }];
    const content = [text("done"), image(BLUE)];
    const inChat = await post(harness, CHAT, {
      model: "counter",
      max_tokens: 1,
      messages: [
        { role: "user", content: "look" },
        { role: "assistant", content: null, tool_calls: calls },
        { role: "tool", tool_call_id: "c1", content },
      ],
    });
    assert.equal(inChat.status, 200, inChat.text);
    assert.deepEqual(seen(harness).at(-1), content);
    const source = { type: "base64", media_type: "image/png", data: base64(BLUE) };
    const inMessages = await post(harness, "/v1/messages", {
      model: "counter",
      max_tokens: 1,
      messages: [
        { role: "user", content: "look" },
        { role: "assistant", content: [{ type: "tool_use", id: "c1", name: "shot", input: {} }] },
        {
          role: "user",
          content: [{
            type: "tool_result",
            tool_use_id: "c1",
            content: [text("done"), { type: "image", source }],
          }],
        },
      ],
    });
    assert.equal(inMessages.status, 200, inMessages.text);
    assert.deepEqual(seen(harness).at(-1), content);
    const inResponses = await post(harness, "/v1/responses", {
      model: "counter",
      max_output_tokens: 1,
      input: [
        { role: "user", content: "look" },
        { type: "function_call", call_id: "c1", name: "shot", arguments: "{}" },
        {
          type: "function_call_output",
          call_id: "c1",
          output: [
            { type: "input_text", text: "done" },
            { type: "input_image", image_url: BLUE },
          ],
        },
      ],
    });
    assert.equal(inResponses.status, 200, inResponses.text);
    assert.deepEqual(seen(harness).at(-1), content);
  });
});

Deno.test("a model that sees nothing refuses images in the words that clients look for", async () => {
  await withHarness({}, async (harness) => {
    const refused = await post(harness, CHAT, chat(text("hi"), image(RED)));
    assert.equal(refused.status, 400);
    assert.match(
      refused.text,
      /messages\.0\.content\.1: image input is not supported: .*counter.* sees nothing/,
    );
    const ollama = await post(harness, "/api/generate", {
      ...{ model: "counter", prompt: "hi", images: [base64(RED)] },
    });
    assert.equal(ollama.status, 400);
    assert.match(String(ollama.body.error), /image input is not supported/);
    const { body } = await post(harness, "/api/show", { model: "counter" });
    assert.deepEqual(body["capabilities"], ["completion"]);
    assert.equal(harness.pool.workers.size, 0, "no worker is started for it");
  });
});

Deno.test("sound reaches a model that hears, and is refused by name for others", async () => {
  const sound = (data: string) => ({ type: "input_audio", input_audio: { data, format: "wav" } });
  const file = wav(tone(440, 0.01)).toBase64();
  await withEyes({}, async (harness) => {
    const deaf = await post(harness, CHAT, chat(sound(file), text("hi")));
    assert.equal(deaf.status, 400);
    assert.match(
      deaf.text,
      /messages\.0\.content\.0: audio input is not supported: .*counter.* hears nothing/,
    );
  });
  await withHarness({}, async (harness) => {
    harness.pool.audio = true;
    await harness.pool.register();
    const { status, text: reply } = await post(harness, CHAT, chat(sound(file), text("hi")));
    assert.equal(status, 200, reply);
    assert.deepEqual(seen(harness), [[sound(file), text("hi")]]);
    // Its bytes say what it is, not its format.
    const mp3 = SOUNDS.mono.toBase64();
    const taken = await post(harness, CHAT, chat(sound(mp3), text("hi")));
    assert.equal(taken.status, 200, taken.text);
    const input_audio = { data: mp3, format: "mp3" };
    assert.deepEqual(seen(harness).at(-1), [{ type: "input_audio", input_audio }, text("hi")]);
    for (
      const [data, why] of [["ZkxhQw==", /is not a WAV or MP3 file/], [
        "%",
        /not valid base64/,
      ]] as const
    ) {
      const refused = await post(harness, CHAT, chat(sound(data), text("hi")));
      assert.equal(refused.status, 400);
      assert.match(refused.text, why);
    }
    const blind = await post(harness, CHAT, chat(image(RED), text("hi")));
    assert.match(blind.text, /image input is not supported: .*counter.* sees nothing/);
    const { models } = await harness.client.call(routes.models, {});
    assert.deepEqual([models[0]?.vision, models[0]?.audio], [undefined, true]);
  });
});

Deno.test("lists say which models take images", async () => {
  await withEyes({}, async (harness) => {
    const { body } = await post(harness, "/api/show", { model: "counter" });
    assert.deepEqual(body["capabilities"], ["completion", "vision"]);
    const { body: { data } } = await call(harness, "GET", "/models");
    assert.deepEqual((data as Fields[])[0]?.["capabilities"], ["completion", "vision"]);
    const { models } = await harness.client.call(routes.models, {});
    assert.equal(models[0]?.vision, true);
  });
});

Deno.test("images that cannot be taken are refused by name, and nothing is lost", async () => {
  const images = { max_bytes: 2000, max_pixels: 100, max_count: 2, max_total_bytes: 3000 };
  await withEyes({ images }, async (harness) => {
    const big = dataUrl(png(1, 1, 1800));
    const other = dataUrl(png(2, 1, 1800));
    const cases: readonly (readonly [unknown[], RegExp])[] = [
      [[image("data:image/png;base64,%%")], /messages\.0\.content\.0: is not valid base64/],
      [[image("data:image/png,abc")], /must have its bytes in base64/],
      [[image("data:image/png;base64,aGVsbG8=")], /is not a PNG, JPEG, WebP, GIF or BMP file/],
      [[image("ftp://a/b.png")], /messages\.0\.content\.0.*data: URL/],
      [[image("/etc/passwd")], /data: URL/],
      [[image("file:///etc/passwd")], /data: URL/],
      [[image(`sha256:${"0".repeat(64)}`)], /must be a data: or http\(s\) URL/],
      [[image("https://example.org/a.png")], /messages\.0\.content\.0.*images\.fetch_hosts/],
      [[image("http://169.254.169.254/a.png")], /images\.fetch_hosts/],
      [[image(dataUrl(png(11, 10)))], /11 × 10 pixels.*images\.max_pixels/],
      [[image(dataUrl(png(1, 1, 2001)))], /larger than 2000 bytes.*images\.max_bytes/],
      [[image(RED), image(RED), image(BLUE)], /has 3 images.*images\.max_count/],
      [[image(big), image(other)], /more than 3000 bytes.*images\.max_total_bytes/],
    ];
    for (const [content, message] of cases) {
      const { status, text } = await post(harness, CHAT, chat(...content));
      assert.equal(status, 400, text);
      assert.match(text, message);
    }
    const both = await post(harness, CHAT, chat(image(big), image(big)));
    assert.equal(both.status, 200, "the same image counts once");
    const system = { ...chat(text("a")), messages: [{ role: "system", content: [image(RED)] }] };
    const refused = await post(harness, CHAT, system);
    assert.equal(refused.status, 400);
    assert.match(refused.text, /an image can only be in a message of the user or of a tool/);
  });
});

Deno.test("an image is fetched from a host that the operator lists", async () => {
  const host = "127.0.0.1";
  let calls = 0;
  const server = Deno.serve({ hostname: host, port: 0, onListen() {} }, () => {
    calls++;
    return new Response(png(8));
  });
  const where = `${host}:${server.addr.port}`;
  try {
    await withEyes({ images: { fetch_hosts: [where] } }, async (harness) => {
      const { status, text } = await post(harness, CHAT, chat(image(`http://${where}/red.png`)));
      assert.equal(status, 200, text);
      assert.deepEqual(seen(harness), [[image(RED)]]);
      const { body: { id } } = await post(harness, "/v1/responses", {
        model: "counter",
        input: [{
          role: "user",
          content: [{ type: "input_image", image_url: `http://${where}/red.png` }],
        }],
      });
      const { body } = await call(harness, "GET", `/responses/${id}/input_items`);
      const [item] = body["data"] as { content: { image_url: string }[] }[];
      assert.equal(item?.content[0]?.image_url, RED, "it is kept");
      const asked = calls;
      const unknown = { ...chat(image(`http://${where}/red.png`)), model: "none" };
      assert.equal((await post(harness, CHAT, unknown)).status, 404);
      assert.equal(calls, asked, "nothing is fetched for a model that is not there");
    });
  } finally {
    await server.shutdown();
  }
});

Deno.test("bodies with images have a larger limit, texts keep theirs", async () => {
  const limits = { max_body_bytes: 10_000 };
  const images = { max_total_bytes: 100_000, max_held_bytes: 100_000 };
  await withEyes({ limits, images, streams: { first_byte_ms: 1 } }, async (harness) => {
    harness.pool.tokens = 0;
    const large = dataUrl(png(3, 3, 60_000));
    const ask = () => post(harness, CHAT, chat(image(large), text("hi")));
    const first = ask();
    await until(
      "the first runs",
      () => harness.pool.workers.size === 1 && harness.pool.only().executions.length === 1,
    );
    const second = await ask();
    assert.equal(second.status, 503, "the first has the room");
    assert.match(second.text, /others have \d+ bytes/);
    harness.pool.only().allow(Infinity);
    assert.equal((await first).status, 200);
    assert.equal((await ask()).status, 200, "the room was given back");
    // A stream has the room until it ends, or its client leaves.
    harness.pool.only().allow(0);
    const leaving = new AbortController();
    const stream = await fetch(harness.url + CHAT, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ ...chat(image(large), text("hi")), stream: true, max_tokens: 9 }),
      signal: leaving.signal,
    });
    const bytes = async () => {
      const metrics = await (await fetch(`${harness.url}/metrics`)).text();
      return Number(/^orchd_image_bytes (\d+)$/m.exec(metrics)?.[1]);
    };
    assert.ok(await bytes() > 2 * 60_000, "its body, and the image");
    leaving.abort();
    await assert.rejects(stream.text());
    await until("the room is free", async () => await bytes() === 0);
    harness.pool.only().allow(Infinity);
    const long = await post(harness, CHAT, chat(image(large), text("word ".repeat(4000))));
    assert.equal(long.status, 413);
    assert.match(long.text, /more than 10000 bytes without its images/);
    const much = dataUrl(png(3, 3, 150_000));
    assert.equal((await post(harness, CHAT, chat(image(much)))).status, 413);
    const metrics = await (await fetch(`${harness.url}/metrics`)).text();
    assert.match(metrics, /orchd_image_bytes 0\n/);
    assert.match(metrics, /orchd_images_total\{source="data",outcome="taken"\} 3\n/);
  });
});

Deno.test("a durable job's images outlive a restart, and lie once by hash", async () => {
  const dir = await Deno.makeTempDir();
  try {
    await withEyes({ state_dir: dir, stop_deadline_ms: 1 }, async (harness) => {
      using db = new DatabaseSync(databasePath(dir), { readOnly: true });
      const rows = (table: string) =>
        Number(db.prepare(`SELECT count(*) AS count FROM ${table}`).get()!["count"]);
      harness.pool.tokens = 0;
      const content = [{ type: "image_url" as const, image_url: { url: RED } }];
      const task = {
        ...{ model: "counter", max_tokens: 2, detached: true },
        messages: [{ role: "user" as const, content }],
      };
      const jobs = [
        await harness.client.call(routes.submit, { body: task }),
        await harness.client.call(routes.submit, { body: task }),
      ];
      await until(
        "both run",
        () => harness.pool.workers.size === 1 && harness.pool.only().executions.length === 2,
      );
      assert.equal(rows("images"), 1);
      assert.equal(rows("image_uses"), 2);
      const request = db.prepare("SELECT request FROM jobs LIMIT 1").get()!["request"];
      assert.doesNotMatch(String(request), /base64/);
      assert.match(String(request), /sha256:[0-9a-f]{64}/);

      await harness.restart();
      await harness.pool.register();
      await until("both run again", () => harness.pool.only().executions.length === 4);
      assert.deepEqual(seen(harness), [[image(RED)]]);
      harness.pool.only().allow(Infinity);
      for (const { job_id } of jobs) {
        assert.equal((await harness.events(job_id)).at(-1)?.event, "end");
      }
      assert.equal(rows("images"), 1, "they can be read again");
    });
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("images go with the retention of their job", async () => {
  const dir = await Deno.makeTempDir();
  try {
    const settings = { state_dir: dir, retention: { content_ms: 1, sweep_ms: 10 } };
    await withEyes(settings, async ({ client, events, pool }) => {
      pool.tokens = 0;
      const task: TaskRequestInput = {
        ...{ model: "counter", max_tokens: 1, detached: true },
        messages: [{ role: "user", content: [{ type: "image_url", image_url: RED }] }],
      };
      const { job_id } = await client.call(routes.submit, { body: task });
      using db = new DatabaseSync(databasePath(dir), { readOnly: true });
      const rows = (table: string) =>
        Number(db.prepare(`SELECT count(*) AS count FROM ${table}`).get()!["count"]);
      assert.equal(rows("images"), 1);
      await until("it runs", () => pool.workers.size === 1 && pool.only().executions.length === 1);
      pool.only().allow(Infinity);
      assert.equal((await events(job_id)).at(-1)?.event, "end");
      await until(
        "the image is erased",
        () => rows("image_uses") + rows("image_parts") + rows("images") === 0,
      );
    });
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("a stored response keeps its images for those that continue it", async () => {
  const dir = await Deno.makeTempDir();
  try {
    await withEyes({ state_dir: dir }, async (harness) => {
      const input = [{
        role: "user",
        content: [{ type: "input_image", image_url: RED }, { type: "input_text", text: "what?" }],
      }];
      const first = await post(harness, "/v1/responses", { model: "counter", input });
      assert.equal(first.status, 200, first.text);
      const id = String(first.body["id"]);
      await harness.restart();
      await harness.pool.register();
      const next = await post(harness, "/v1/responses", {
        ...{ model: "counter", input: "and now?", previous_response_id: id },
      });
      assert.equal(next.status, 200, next.text);
      assert.deepEqual(seen(harness)[0], [image(RED), text("what?")]);
      const { body } = await call(harness, "GET", `/responses/${id}/input_items`);
      const [item] = body["data"] as { content: unknown[] }[];
      assert.deepEqual(item?.content[0], { type: "input_image", image_url: RED });
      using db = new DatabaseSync(databasePath(dir), { readOnly: true });
      const count = () => db.prepare("SELECT count(*) AS count FROM images").get()!["count"];
      const bytes = (name: string) =>
        Number(db.prepare("SELECT bytes FROM responses WHERE response_id = ?").get(name)!["bytes"]);
      assert.ok(bytes(id) > png(8).byteLength, "its images count");
      assert.equal(count(), 1);
    });
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("lines of a batch have images", async () => {
  await withEyes({}, async (harness) => {
    const { model: _, ...body } = chat(image(BLUE), text("hi"));
    const batch = await ended(harness, await begin(harness, CHAT, [body]));
    assert.deepEqual(batch.request_counts, { total: 1, completed: 1, failed: 0 });
    assert.deepEqual(seen(harness), [[image(BLUE), text("hi")]]);
  });
});
