import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { writeCounterModel } from "../support/models.ts";
import { seededRandom } from "../support/random.ts";
import { isAlive, range, until } from "../support/stack.ts";
import { LonePool } from "./pool_rounds.ts";
import { ROUNDS } from "./rounds.ts";

/** Number of rounds: twice that of other faults, and at least 12. */
const POOL_ROUNDS = Math.max(12, 2 * ROUNDS);
const MAX_WORKERS = 3;
/** Number of ports that workers may use. */
const PORTS = 20;
const SEED = Number(Deno.env.get("LLORCH_FAULT_SEED") ?? Date.now() % 2 ** 31);

Deno.test({
  name:
    "random spawns, stops, kills, crashes at load and kills of the pool manager itself: what it " +
    "says is so after every round, and nothing is left at the end" +
    (Deno.build.os === "linux" ? "" : " (skipped: the check reads /proc)"),
  ignore: Deno.build.os !== "linux",
  async fn(t) {
    const dir = await Deno.makeTempDir({ prefix: "llorch-rounds-" });
    const models = join(dir, "models");
    await Deno.mkdir(models);
    writeCounterModel(join(models, "good.gguf"), { numbers: 100 });
    await writeUnloadable(join(models, "bad.gguf"), join(models, "good.gguf"));
    const pool = new LonePool(dir, models, freePort());
    const random = seededRandom(SEED);
    const any = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)]!;
    try {
      await pool.start();
      const before = pool.descriptors();
      for (const round of range(1, POOL_ROUNDS)) {
        const workers = (await pool.state).workers;
        const mayGrow = workers.length < MAX_WORKERS;
        const kinds = [
          ...(mayGrow ? ["spawn", "spawn", "crash at load", "kill at load"] : []),
          ...(workers.length > 0 ? ["stop", "kill", "kill both"] : []),
          "kill itself",
          "kill itself at load",
        ];
        const kind = any(kinds);
        await t.step(`${kind}, round ${round} of seed ${SEED}`, async () => {
          const victim = any(workers);
          switch (kind) {
            case "spawn":
              await pool.spawn("good");
              break;
            case "crash at load":
              await pool.spawn("bad");
              break;
            case "kill at load": {
              const id = await pool.spawn("good");
              const { workers } = await pool.state;
              const pid = workers.find(({ worker_id }) => worker_id === id)?.pid;
              if (pid !== undefined) await killed(pid);
              break;
            }
            case "stop":
              await pool.stop(victim!.worker_id, any([0, 50, 5000]));
              break;
            case "kill":
              await killed(victim!.pid);
              break;
            case "kill both":
              await pool.kill();
              await killed(victim!.pid);
              await pool.start();
              break;
            case "kill itself at load":
            case "kill itself":
              if (mayGrow && kind !== "kill itself") await pool.spawn(any(["good", "bad"]));
              await pool.kill();
              await pool.start();
          }
          await pool.check();
        });
      }
      const { workers } = await pool.state;
      for (const { worker_id } of workers) await pool.stop(worker_id, 5000);
      await until("all workers have ended", async () => (await pool.state).workers.length === 0);
      await until("file descriptors are released", () => pool.descriptors() <= before + 5);
      await pool.close();
      assert.deepEqual(pool.processes(), [], "no process, and so no used port, is left");
      assert.deepEqual([...Deno.readDirSync(pool.temporary)], [], "no temporary file is left");
      const state = [...Deno.readDirSync(join(dir, "state"))].map(({ name }) => name).sort();
      assert.deepEqual(state.filter((name) => !/^(lock|logs|pool\.db)$/.test(name)), []);
      const logs = [...Deno.readDirSync(join(dir, "state", "logs"))].map(({ name }) => name);
      assert.ok(logs.length <= 50 && logs.every((name) => name.endsWith(".log")), `${logs}`);
    } finally {
      await pool.kill().catch(() => {});
      for (const pid of pool.processes()) Deno.kill(pid, "SIGKILL");
      await Deno.remove(dir, { recursive: true });
    }
  },
});

async function killed(pid: number): Promise<void> {
  Deno.kill(pid, "SIGKILL");
  await until("the pool manager is gone", () => !isAlive(pid));
}

/** Writes a model with a valid header whose architecture llama.cpp does not know. */
async function writeUnloadable(path: string, like: string): Promise<void> {
  const text = (await readFile(like)).toString("latin1");
  const changed = text.replaceAll("llama.", "lxama.").replace(
    /(general\.architecture.{12})llama/s,
    "$1lxama",
  );
  await writeFile(path, changed, "latin1");
}

/** A port that is free now, and low enough that the ports above it exist. */
function freePort(): number {
  while (true) {
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    if (listener.addr.port + PORTS < 65_536) return listener.addr.port;
  }
}
