/**
 * A worker without an engine, for tests: it listens, calls back, answers `/health` and obeys
 * `FAKE_WORKER`, a list of words: `ignore-term`, `silent` (never calls back), `mute` (does not
 * listen either), `exit=N` (ends at once), `taken=N` (finds port N taken), `wrong-model`, `wrong-token`, `deaf` (health hangs once it is ready).
 *
 * With `--estimate` it writes 3 000 000 bytes and 100 for each token of a slot, in equal parts on its GPUs, or
 * does what `estimate=` says:
 * `hangs`, `crashes`, `garbage`, `endless` output, `refuses`.
 *
 * @module
 */
import { parseArgs } from "node:util";

const args = Deno.args[0] === "standby" ? await orders() : Deno.args;

/** Reads arguments from stdin, and sets the environment that comes with them. */
async function orders(): Promise<readonly string[]> {
  const text = await new Response(Deno.stdin.readable).text();
  if (text === "") Deno.exit(0);
  const received = JSON.parse(text);
  for (const [name, value] of Object.entries(received.env)) Deno.env.set(name, String(value));
  return received.args;
}

const options = [
  ["worker-id", "model", "model-ref", "gpu", "host", "port", "callback-url"],
  ["context", "slots", "threads", "gpu-layers", "stop-deadline-ms"],
  ["estimate-deadline-ms", "cache-expire-ms", "cache-mib"],
  ["split", "split-ratio"],
].flat();
const { values } = parseArgs({
  args: args.filter((word) => word !== "--estimate"),
  options: Object.fromEntries(options.map((name) => [name, { type: "string" as const }])),
});
const flag = (name: string) => String(values[name] ?? "");
const modes = (Deno.env.get("FAKE_WORKER") ?? "").split(",");
const token = Deno.env.get("LLORCH_WORKER_TOKEN") ?? "";
const facts = {
  worker_id: flag("worker-id"),
  model_ref: modes.includes("wrong-model") ? "another" : flag("model-ref"),
  fingerprint: Deno.env.get("FAKE_FINGERPRINT") ?? "",
  memory_bytes: 1_000_000,
  context: Number(flag("context")),
  slots: Number(flag("slots")),
  capabilities: ["generate", "tokenize"],
  backend: "fake",
  pid: Deno.pid,
};
let active = 0;
let isReady = false;
let isDeaf = false;

if (args.includes("--estimate")) await estimate();

/** Says what a load takes, or fails to. */
async function estimate(): Promise<never> {
  switch (modes.find((mode) => mode.startsWith("estimate="))?.slice("estimate=".length)) {
    case "hangs":
      return await new Promise(() => setInterval(() => {}, 1_000_000));
    case "crashes":
      Deno.kill(Deno.pid, "SIGABRT");
      return await new Promise(() => {});
    case "garbage":
      console.log("no JSON");
      return Deno.exit(0);
    case "endless":
      return await writeForever();
    case "refuses":
      console.error("llorch-candled: Cannot load model: it is no model");
      return Deno.exit(1);
  }
  const device_bytes = 3_000_000 + 100 * facts.context * facts.slots;
  const gpus = flag("gpu").split(",");
  console.log(JSON.stringify({
    ...{ device_bytes, host_bytes: 0, parts: {} },
    ...(gpus.length > 1 ? { device_shares: gpus.map(() => device_bytes / gpus.length) } : {}),
  }));
  Deno.exit(0);
}

async function writeForever(): Promise<never> {
  while (true) await Deno.stdout.write(new Uint8Array(65_536).fill(65));
}

// Ends at last by itself if a failed test leaves it behind.
Deno.unrefTimer(setTimeout(() => Deno.exit(99), 120_000));

console.log(`started with ${args.join(" ")}`);
const exit = modes.find((mode) => mode.startsWith("exit="));
if (exit) {
  console.error("the last word of a worker that fails");
  Deno.exit(Number(exit.slice("exit=".length)));
}
if (modes.includes(`taken=${values["port"]}`)) {
  console.error(`Cannot listen on 127.0.0.1:${values["port"]}: the port is in use`);
  Deno.exit(1);
}
if (modes.includes("ignore-term")) Deno.addSignalListener("SIGTERM", () => {});
else {
  Deno.addSignalListener("SIGTERM", () => {
    console.log("ends in good order");
    Deno.exit(0);
  });
}

function answer(request: Request): Response | Promise<Response> {
  const { pathname, searchParams } = new URL(request.url);
  if (pathname === "/active") {
    active = Number(searchParams.get("n"));
    return new Response("ok");
  }
  if (pathname === "/health") {
    if (isDeaf) return new Promise(() => {});
    const state = isReady ? "ready" : "loading";
    const status = { status: "ok", component: "fake", version: "0", uptime_seconds: 1 };
    return Response.json({ ...status, ...facts, state, load_progress: 1, active, waiting: 0 });
  }
  const isOurs = request.headers.get("authorization") === `Bearer ${token}`;
  const error = { code: "UNAUTHORIZED", message: "no", retriable: false, correlation_id: "x" };
  return isOurs ? Response.json({ status: "ready" }) : Response.json({ error }, { status: 401 });
}

if (!modes.includes("mute")) {
  const { addr } = Deno.serve(
    { hostname: flag("host"), port: Number(flag("port")), onListen: () => {} },
    answer,
  );
  if (!modes.includes("silent")) {
    isReady = true;
    const uri = `http://${flag("host")}:${addr.port}`;
    const spawn_token = modes.includes("wrong-token")
      ? "wrong"
      : Deno.env.get("LLORCH_SPAWN_TOKEN");
    const reply = await fetch(flag("callback-url"), {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ ...facts, spawn_token, uri }),
    });
    console.log(`called back: ${reply.status} ${await reply.text()}`);
    if (!reply.ok) Deno.exit(1);
    isDeaf = modes.includes("deaf");
  }
} else setInterval(() => {}, 1_000_000);
