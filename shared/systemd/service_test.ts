import assert from "node:assert/strict";
import { join } from "node:path";
import { createLogger } from "../logging.ts";
import { type Service, startService } from "./service.ts";
import { watchdogIntervalMs } from "./watchdog.ts";

interface Manager {
  /** The next message, e.g. `READY=1\nSTATUS=fine\n`. */
  next(): Promise<string>;
  readonly env: Record<string, string>;
}

/** A fake systemd: a socket that receives the messages of a service. */
async function withManager(address: string, test: (manager: Manager) => Promise<void>) {
  const socket = Deno.listenDatagram({
    transport: "unixpacket",
    path: address.replace(/^@/, "\0"),
  });
  try {
    await test({
      async next() {
        const [bytes] = await socket.receive(new Uint8Array(4096));
        return new TextDecoder().decode(bytes);
      },
      env: { NOTIFY_SOCKET: address },
    });
  } finally {
    socket.close();
  }
}

const linux = { ignore: Deno.build.os !== "linux" };

function start(
  env: Record<string, string>,
  more: { probe?: () => Promise<void>; status?: () => string } = {},
): Promise<Service> {
  return startService({
    probe: () => Promise.resolve(),
    status: () => "fine",
    env: (name) => env[name],
    log: createLogger("test"),
    ...more,
  });
}

for (const kind of ["a path", "an abstract address"]) {
  Deno.test(`startService() reports that the daemon is ready, over ${kind}`, linux, async () => {
    const dir = await Deno.makeTempDir();
    const address = kind === "a path" ? join(dir, "notify") : `@llorch-test-${crypto.randomUUID()}`;
    await withManager(address, async ({ next, env }) => {
      const service = await start(env, { status: () => "two\nlines" });
      assert.equal(await next(), "READY=1\nSTATUS=two lines\n");
      await service.stopping();
      assert.equal(await next(), "STOPPING=1\n");
      await service.close();
    });
    await Deno.remove(dir, { recursive: true });
  });
}

Deno.test("the watchdog is fed only while the probe succeeds", linux, async () => {
  const dir = await Deno.makeTempDir();
  await withManager(join(dir, "notify"), async ({ next, env }) => {
    let isAlive = true;
    let probes = 0;
    const service = await start({ ...env, WATCHDOG_USEC: "20000" }, {
      status: () => isAlive ? "alive" : `dead after ${probes} probes`,
      probe() {
        probes++;
        return isAlive ? Promise.resolve() : Promise.reject(new Error("no answer"));
      },
    });
    assert.equal(await next(), "READY=1\nSTATUS=alive\n");
    assert.equal(await next(), "WATCHDOG=1\n");
    isAlive = false;
    // The status is still sent, the watchdog is not fed.
    const until = probes + 3;
    for (let fed = 0; probes < until;) {
      const message = await next();
      if (message === "WATCHDOG=1\n") assert.ok(++fed <= 1, "fed by a probe that failed");
      else assert.match(message, /^STATUS=dead/);
    }
    isAlive = true;
    while (await next() !== "WATCHDOG=1\n");
    await service.close();
  });
  await Deno.remove(dir, { recursive: true });
});

Deno.test("the start and the end of a reload are reported, also if it fails", linux, async () => {
  const dir = await Deno.makeTempDir();
  await withManager(join(dir, "notify"), async ({ next, env }) => {
    const service = await start(env);
    await next();
    await assert.rejects(service.reload(() => Promise.reject(new Error("bad file"))), /bad file/);
    assert.equal(await next(), "RELOADING=1\n");
    assert.equal(await next(), "READY=1\n");
    await service.close();
  });
  await Deno.remove(dir, { recursive: true });
});

Deno.test("without systemd nothing is reported, and the work is done all the same", async () => {
  const service = await start({});
  let done = false;
  await service.reload(() => {
    done = true;
    return Promise.resolve();
  });
  assert.ok(done);
  await service.close();
});

Deno.test("watchdogIntervalMs() is half of systemd's timeout, only for this process", () => {
  const of = (env: Record<string, string>) => watchdogIntervalMs((name) => env[name], 7);
  assert.equal(of({ WATCHDOG_USEC: "30000000" }), 15_000);
  assert.equal(of({ WATCHDOG_USEC: "30000000", WATCHDOG_PID: "7" }), 15_000);
  assert.equal(of({ WATCHDOG_USEC: "30000000", WATCHDOG_PID: "8" }), undefined);
  assert.equal(of({}), undefined);
  assert.equal(of({ WATCHDOG_USEC: "soon" }), undefined);
});
