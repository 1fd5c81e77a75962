import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { poolRoutes } from "#shared/contracts/pool_routes.ts";
import type { PoolWorker } from "#shared/contracts/pool.ts";
import { type Client, createClient } from "#shared/http/client.ts";
import { readLines } from "#shared/lines.ts";
import { scanModels } from "#shared/models/scan.ts";
import { FAKE_COMMAND } from "./fake_command.ts";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const DEMO = join(ROOT, "catalog/demo");
const DEADLINE_MS = 20_000;

/** `pool-managerd` as a separate process, with fake workers and the demo model. */
export interface PoolProcess {
  readonly pid: number;
  readonly client: Client;
  readonly status: Promise<Deno.CommandStatus>;
  kill(signal: Deno.Signal): void;
  /** Starts a worker and waits until it is ready. */
  ready(): Promise<PoolWorker>;
}

/** Starts `pool-managerd` and waits until it listens. */
export async function startPool(dir: string, args: readonly string[] = []): Promise<PoolProcess> {
  const child = await spawnPool(dir, args);
  const url = await listeningUrl(child.stdout);
  const client = createClient({ baseUrl: url });
  const state = () => client.call(poolRoutes.state, {});
  return {
    pid: child.pid,
    client,
    status: child.status,
    kill: (signal) => child.kill(signal),
    async ready() {
      const { pool_id, models: [model] } = await state();
      const { model_ref, fingerprint } = model!;
      await client.call(poolRoutes.spawn, {
        params: { id: pool_id },
        body: { request_id: "r-1", model_ref, fingerprint },
      });
      const deadline = performance.now() + DEADLINE_MS;
      while (performance.now() < deadline) {
        const worker = (await state()).workers.find((each) => each.state === "ready");
        if (worker) return worker;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      throw new Error("No worker became ready");
    },
  };
}

/** Runs `pool-managerd` until it ends; for starts that fail. */
export async function runPool(dir: string, args: readonly string[]) {
  const child = await spawnPool(dir, args);
  const { code, stderr } = await child.output();
  return { code, stderr: new TextDecoder().decode(stderr) };
}

async function spawnPool(dir: string, args: readonly string[]): Promise<Deno.ChildProcess> {
  const bin = join(dir, "bin");
  await Deno.mkdir(bin, { recursive: true });
  const { command, args: fakeArgs } = FAKE_COMMAND;
  const script = `#!/bin/sh\nexec ${[command, ...fakeArgs].join(" ")} "$@"\n`;
  await Deno.writeTextFile(join(bin, "llorch-candled"), script, { mode: 0o755 });
  const { models } = await scanModels([DEMO]);
  return new Deno.Command(Deno.execPath(), {
    args: [
      ["run", "-q", "--no-prompt", "-P=pool-managerd", "daemons/pool-managerd/main.ts"],
      ["--port=0", `--state-dir=${join(dir, "state")}`, `--models-dirs=${DEMO}`],
      ["--worker-port-base=0", "--pool-id=p"],
      args,
    ].flat(),
    cwd: ROOT,
    env: { LLORCH_BIN_DIR: bin, FAKE_FINGERPRINT: models[0]!.fingerprint },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

/** Its URL, from its log, which is then read to the end so that the pipe never fills. */
async function listeningUrl(stdout: ReadableStream<Uint8Array>): Promise<string> {
  const lines = readLines(stdout);
  for (let line = await lines.next(); !line.done; line = await lines.next()) {
    const { event, url } = JSON.parse(line.value);
    if (event !== "listening") continue;
    void Array.fromAsync(lines);
    return url;
  }
  throw new Error("pool-managerd ended before it listened");
}
