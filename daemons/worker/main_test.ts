import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { workerRoutes } from "#shared/contracts/worker.ts";
import { ENV } from "#shared/defaults.ts";
import { LlorchError } from "#shared/errors.ts";
import { createClient } from "#shared/http/client.ts";
import { counterModel } from "../../tests/support/models.ts";
import { request } from "./testing/generator.ts";
import { DEMO_MODEL, TOKEN, whenReady } from "./testing/worker.ts";

const MAIN = join(dirname(fileURLToPath(import.meta.url)), "main.ts");

/** Starts the program from source, as a daemon on any free port. */
function start(args: readonly string[], env?: Record<string, string>): Deno.ChildProcess {
  return startBare(["--port", "0", ...args], env);
}

function startBare(args: readonly string[], env: Record<string, string> = {}): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-prompt", "-P=llorch-candled", MAIN, ...args],
    env: { [ENV.workerToken]: TOKEN, ...env },
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

/** Runs the program until it ends. */
async function run(args: readonly string[], env?: Record<string, string>) {
  return await outcomeOf(start(args, env));
}

async function outcomeOf(process: Deno.ChildProcess) {
  const { code, signal, stdout, stderr } = await process.output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes).trim();
  return { code, signal, stdout: text(stdout), stderr: text(stderr) };
}

/** All lines of a stream. */
async function linesOf(stream: ReadableStream<Uint8Array>): Promise<string[]> {
  const text = await new Response(stream).text();
  return text.split("\n").filter((line) => line !== "");
}

/** Reads log lines until one of this event and returns it; the rest is read and dropped. */
async function waitFor(process: Deno.ChildProcess, event: string): Promise<string> {
  let text = "";
  const decoder = new TextDecoder();
  const reader = process.stdout.getReader();
  while (true) {
    const { value, done } = await reader.read();
    text += decoder.decode(value, { stream: true });
    const line = text.split("\n").find((each) => each.includes(`"event":"${event}"`));
    if (line !== undefined || done) {
      reader.releaseLock();
      assert.ok(line, `no ${event} in ${text}`);
      process.stdout.pipeTo(new WritableStream()).catch(() => {});
      return text;
    }
  }
}

const broken: Record<string, (path: string) => void> = {
  "a folder": (path) => Deno.mkdirSync(path),
  "no GGUF file": (path) => Deno.writeTextFileSync(path, "hello"),
  "an empty file": (path) => Deno.writeTextFileSync(path, ""),
  "a file cut short": (path) => {
    const bytes = Deno.readFileSync(DEMO_MODEL);
    Deno.writeFileSync(path, bytes.subarray(0, bytes.length / 2));
  },
  "a header cut short": (path) => {
    Deno.writeFileSync(path, Deno.readFileSync(DEMO_MODEL).subarray(0, 5000));
  },
  "nothing": () => {},
  "an unknown architecture": (path) => writeStrange(path),
  "a tensor of another name": (path) => patch(path, "blk.0.attn_q.weight", "blk.0.attn_x.weight"),
  "a tensor that lies outside the file": (path) => {
    const bytes = Deno.readFileSync(DEMO_MODEL);
    const at = placeOf(bytes, "blk.0.attn_q.weight") + "blk.0.attn_q.weight".length;
    // The number of dimensions, two dimensions and the type are in front of the tensor's offset.
    new DataView(bytes.buffer).setBigUint64(at + 4 + 16 + 4, 2n ** 40n, true);
    Deno.writeFileSync(path, bytes);
  },
};

/** Writes a model of an architecture that llama.cpp does not know. */
const writeStrange = (path: string) => patch(path, "llama", "zlama");

/** Writes the demo model with a word of its header replaced. */
function patch(path: string, word: string, by: string): void {
  const bytes = Deno.readFileSync(DEMO_MODEL);
  for (let at = placeOf(bytes, word); at >= 0; at = placeOf(bytes, word, at)) {
    bytes.set(new TextEncoder().encode(by), at);
  }
  Deno.writeFileSync(path, bytes);
}

/** Offset of a word in the header; -1 if it does not occur. */
function placeOf(bytes: Uint8Array, word: string, from = 0): number {
  const wanted = new TextEncoder().encode(word);
  for (let at = from; at < 500_000; at++) {
    if (wanted.every((byte, index) => bytes[at + index] === byte)) return at;
  }
  return -1;
}

Deno.test({
  name: "llorch-candled without the right to read its model says so in one line and exits with 1" +
    (Deno.uid() === 0 ? " (skipped: root may read everything)" : ""),
  ignore: Deno.uid() === 0,
  async fn() {
    const path = join(await Deno.makeTempDir(), "secret.gguf");
    await Deno.copyFile(DEMO_MODEL, path);
    await Deno.chmod(path, 0);
    const { code, stderr } = await run(["--model", path, "--standalone"]);
    assert.equal(code, 1);
    assert.match(stderr, /^llorch-candled: .*secret\.gguf.*$/);
  },
});

/**
 * Errors that only llama.cpp finds: the file can never be loaded, and the worker has an exit code
 * for this.
 */
const FINAL = new Set(["an unknown architecture", "a tensor of another name"]);

for (const [problem, write] of Object.entries(broken)) {
  const expected = FINAL.has(problem) ? 3 : 1;
  Deno.test(`llorch-candled with ${problem} as its model says so in one line and exits with ${expected}`, async () => {
    const path = join(await Deno.makeTempDir(), "broken.gguf");
    write(path);
    const { code, signal, stderr } = await run(["--model", path, "--standalone"]);
    assert.deepEqual([code, signal], [expected, null]);
    assert.match(stderr, /^llorch-candled: .*broken\.gguf.*$/);
  });
}

Deno.test("llorch-candled does not fall back to the CPU when it should use a missing GPU", async () => {
  const { code, stderr } = await run(["--model", DEMO_MODEL, "--standalone", "--gpu", "0"]);
  assert.equal(code, 1);
  assert.match(stderr, /^llorch-candled: Cannot use GPU 0: .*only the CPU backend.*$/);
});

Deno.test("llorch-candled libraries says which libraries it opens, and needs no model", async () => {
  const { code, stdout, stderr } = await outcomeOf(startBare(["libraries"]));
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^\/.*: llama\.cpp \S+ of node-llama-cpp's package, all \d+ hashes match$/);
  const more = await outcomeOf(startBare(["libraries", "extra"]));
  const refusal = "llorch-candled: libraries takes no arguments: leave out extra";
  assert.deepEqual([more.code, more.stdout, more.stderr.trim()], [2, "", refusal]);
});

Deno.test("llorch-candled with wrong flags exits with 2", async () => {
  const wrong = [
    [["--model", DEMO_MODEL, "--standalone", "--gpu", "all"], /--gpu: must be none/],
    [["--model", DEMO_MODEL], /--callback-url: is needed, unless --standalone/],
    [["--standalone"], /model/],
    [
      ["--model", DEMO_MODEL, "--callback-url", "http://127.0.0.1:9"],
      /LLORCH_SPAWN_TOKEN is not set/,
    ],
    [
      ["--model", DEMO_MODEL, "--standalone", "--saved-slots-dir", "/nowhere/slots"],
      /--saved-slots-dir: Cannot save slots in \/nowhere\/slots: it cannot be found; make the folder/,
    ],
    [
      ["--model", DEMO_MODEL, "--standalone", "--saved-slots-dir", DEMO_MODEL],
      /--saved-slots-dir: .*: it is not a folder/,
    ],
    [
      ["--model", DEMO_MODEL, "--standalone", "--saved-slots-dir", "/proc"],
      /--saved-slots-dir: .*: this user may not write there/,
    ],
    [
      ["--model", DEMO_MODEL, "--standalone", "--draft-tokens", "4"],
      /--draft-tokens: has no effect without speculative/,
    ],
    [
      ["--model", DEMO_MODEL, "--standalone", "libraries", "--slots=2", "extra"],
      /^llorch-candled: libraries takes no arguments: leave out extra$/m,
    ],
    [["--modl", "x"], /did you mean --model/],
  ] as const;
  const results = await Promise.all(wrong.map(([args]) => run(args)));
  results.forEach(({ code, stderr }, index) => {
    assert.equal(code, 2, stderr);
    assert.match(stderr, wrong[index]![1]);
  });
});

Deno.test("llorch-candled does not listen on all addresses without a token", async () => {
  const args = ["--model", DEMO_MODEL, "--standalone", "--host", "0.0.0.0"];
  const { code, stderr } = await run(args, { [ENV.workerToken]: "" });
  assert.notEqual(code, 0);
  assert.match(stderr, /Cannot bind to 0\.0\.0\.0 without a token: set LLORCH_WORKER_TOKEN/);
});

Deno.test("llorch-candled lets a running stream end after SIGTERM and exits with 0", async () => {
  const process = start(["--model", counterModel(), "--standalone"]);
  const log = await waitFor(process, "loaded");
  const { url } = JSON.parse(log.split("\n").find((line) => line.includes('"listening"'))!);
  const client = createClient({ baseUrl: url, token: TOKEN });
  const { events } = await client.stream(workerRoutes.execute, {
    body: request({ prompt: " w0", max_tokens: 1500 }),
  });
  await events.next();
  process.kill("SIGTERM");
  const rest = await Array.fromAsync(events);
  assert.equal(rest.at(-1)?.event, "end");
  const { code, signal } = await process.status;
  assert.deepEqual([code, signal], [0, null]);
  await process.stderr.cancel();
});

Deno.test("llorch-candled tells a client what is wrong with its grammar, and logs nothing about it", async () => {
  const process = start(["--model", counterModel(), "--standalone"]);
  const errors = linesOf(process.stderr);
  const [watched, log] = process.stdout.tee();
  const url = await urlOf(watched);
  const client = createClient({ baseUrl: url, token: TOKEN });
  const forged = JSON.stringify({ ts: "now", level: "error", component: "x", event: "FORGED" });
  const grammars = {
    [`root ::= nope\nx ::= [\n${forged}\n]\n`]: /root: rule nope is not defined/,
    [`root ::= "a"\n${forged}\n`]: /expected the name of a rule \(line 2, column 1\)/,
    [`root ::= x\nx ::= "\n${forged.replaceAll('"', "'")}\n" | x`]: /x: it begins with itself/,
  };
  try {
    await whenReady(client);
    for (const [grammar, reason] of Object.entries(grammars)) {
      const reply = client.stream(workerRoutes.execute, { body: request({ grammar }) });
      await assert.rejects(reply, (error) => {
        assert.ok(error instanceof LlorchError && error.code === "INVALID_REQUEST");
        assert.match(JSON.stringify(error.details), reason);
        return true;
      });
    }
  } finally {
    process.kill("SIGTERM");
    assert.equal((await process.status).code, 0);
  }
  assert.deepEqual(await errors, []);
  const events = (await linesOf(log)).map((line) => JSON.parse(line));
  assert.ok(events.some(({ event }) => event === "stopped"));
  assert.ok(!events.some(({ event, component }) => event === "FORGED" || component === "x"));
});

/** URL of a program, from its log; the rest of its log is read and dropped. */
async function urlOf(stdout: ReadableStream<Uint8Array>): Promise<string> {
  let text = "";
  const reader = stdout.pipeThrough(new TextDecoderStream()).getReader();
  while (true) {
    const { value = "", done } = await reader.read();
    text += value;
    const url = /"event":"listening","url":"([^"]+)"/.exec(text)?.[1];
    if (url !== undefined || done) {
      assert.ok(url, `no address in ${text}`);
      reader.cancel().catch(() => {});
      return url;
    }
  }
}

Deno.test("llorch-candled names a draft model that it cannot load, and does not call its model unusable", async () => {
  const dir = await Deno.makeTempDir();
  const strange = join(dir, "strange.gguf");
  writeStrange(strange);
  for (const path of [join(dir, "absent.gguf"), strange]) {
    const draft = ["--speculative", "draft", "--draft-model", path];
    const { code, stderr } = await run(["--model", counterModel(), "--standalone", ...draft]);
    assert.equal(code, 1);
    const start = `llorch-candled: Cannot load the draft model "${path}" (--draft-model): `;
    assert.ok(stderr.startsWith(start), stderr);
  }
});

Deno.test("llorch-candled with a draft model ends at once on SIGTERM, also after garbage collections", async () => {
  const draft = ["--speculative", "draft", "--draft-model", counterModel()];
  const process = start(["--model", counterModel(), "--standalone", "--slots", "2", ...draft], {
    // A small heap forces garbage collections, as in a long run.
    DENO_V8_FLAGS: "--min-semi-space-size=1,--max-semi-space-size=1",
  });
  const url = /"url":"([^"]+)"/.exec(await waitFor(process, "loaded"))?.[1] ?? "";
  const client = createClient({ baseUrl: url, token: TOKEN });
  for (let n = 0; n < 8; n++) {
    const { events } = await client.stream(workerRoutes.execute, {
      body: request({ job_id: `job-${n}`, prompt: " w0", max_tokens: 150 }),
    });
    assert.equal((await Array.fromAsync(events)).at(-1)?.event, "end");
  }
  const signalledAt = performance.now();
  process.kill("SIGTERM");
  assert.equal((await process.status).code, 0);
  assert.ok(performance.now() - signalledAt < 10_000, "it waited");
  await process.stderr.cancel();
});

Deno.test("a standby worker loads the model that it is given, and ends without one", async () => {
  const standing = (orders: string) => {
    const process = new Deno.Command(Deno.execPath(), {
      args: ["run", "-q", "--no-prompt", "-P=llorch-candled", MAIN, "standby", "--gpu", "none"],
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    const writer = process.stdin.getWriter();
    void writer.write(new TextEncoder().encode(orders)).then(() => writer.close());
    return process;
  };
  const args = ["--model", counterModel(), "--gpu", "none", "--standalone", "--port", "0"];
  const worker = standing(JSON.stringify({ args, env: { [ENV.workerToken]: TOKEN } }) + "\n");
  try {
    const text = await waitFor(worker, "loaded");
    const url = /"url":"([^"]+)"/.exec(text)?.[1] ?? "";
    const client = createClient({ baseUrl: url, token: TOKEN });
    assert.equal((await client.call(workerRoutes.tokenize, { body: { prompt: "w7" } })).count, 2);
  } finally {
    worker.kill("SIGTERM");
    assert.equal((await worker.status).code, 0);
  }
  const idle = standing("");
  await idle.stdout.cancel();
  assert.equal((await idle.status).code, 0);
});

Deno.test({
  name: "a worker that starts with a small stack takes a large one",
  ignore: Deno.build.os !== "linux",
  async fn() {
    const deno = ["run", "--quiet", "--no-prompt", "-P=llorch-candled", MAIN];
    const worker = new Deno.Command("/bin/sh", {
      args: [
        ...["-c", 'ulimit -S -s 8192; exec "$0" "$@"', Deno.execPath(), ...deno, "--port", "0"],
        ...["--standalone", "--gpu", "none", "--model", counterModel()],
      ],
      stdout: "piped",
      stderr: "null",
    }).spawn();
    const loadedLine = await waitFor(worker, "loaded");
    assert.match(loadedLine, /"stack_bytes":536870912,"uncut_characters":1046528/);
    const limits = await Deno.readTextFile(`/proc/${worker.pid}/limits`);
    assert.match(limits, /Max stack size\s+536870912/);
    worker.kill("SIGTERM");
    assert.equal((await worker.status).code, 0);
  },
});
