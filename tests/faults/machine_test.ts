import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { orchestratorRoutes as routes } from "#shared/contracts/mod.ts";
import { delay } from "#shared/lifecycle.ts";
import { withService } from "../support/service.ts";
import { slowCounterModel } from "../support/slow_counter.ts";
import { follow, range, type Received, run, until } from "../support/stack.ts";
import {
  checkNoLeak,
  checkWhole,
  countTask,
  followThrough,
  inRounds,
  PATIENT,
  SETTINGS,
} from "./rounds.ts";

const isRoot = Deno.build.os === "linux" && Deno.uid() === 0;
const FAKETIME = `/usr/lib/${Deno.build.arch}-linux-gnu/faketime/libfaketimeMT.so.1`;
const hasFaketime = Deno.build.os === "linux" && exists(FAKETIME);

Deno.test({
  name:
    "a disk that is full for a while: nothing is acknowledged meanwhile, and streams are complete" +
    (isRoot ? "" : " (skipped: a file system of a stated size needs root)"),
  ignore: !isRoot,
  async fn(t) {
    const disk = await Deno.makeTempDir({ prefix: "llorch-disk-" });
    await command("mount", "-t", "tmpfs", "-o", "size=32m", "tmpfs", disk);
    const filler = join(disk, "filler");
    try {
      await withService(dirname(slowCounterModel()), async (service) => {
        const { client } = service;
        await run(client, countTask(0, 3));
        await checkNoLeak(service, new Set(), () =>
          inRounds(t, "the disk is full", async (n) => {
            const froms = range(0, 4).map((k) => 1000 * k + n);
            const some = Promise.withResolvers<void>();
            const onEvent = ({ event }: Received) => event === "token" && some.resolve();
            const streams = froms.map((from) => followThrough(client, countTask(from), onEvent));
            const all = Promise.all(streams);
            await some.promise;
            const accepted: string[] = [];
            try {
              fillUp(filler);
              // SQLite writes over pages of its log that hold nothing any more, as long as there are some.
              await until("the disk has no room for one more job", async () => {
                const submitted = await client.call(routes.submit, { body: countTask(9000, 1) })
                  .catch((error) => {
                    assert.equal(error.code, "NOT_READY");
                  });
                if (submitted) accepted.push(submitted.job_id);
                return !submitted;
              });
            } finally {
              await Deno.remove(filler);
            }
            for (const [k, received] of (await all).entries()) checkWhole(received, froms[k]!);
            for (const id of accepted) {
              checkWhole(await Array.fromAsync(follow(client, id, {})), 9000, 1);
            }
          }));
      }, { ...SETTINGS, stateDir: join(disk, "state") });
    } finally {
      await command("umount", disk);
      await Deno.remove(disk);
    }
  },
});

Deno.test({
  name:
    "a clock that jumps forward and back by an hour: streams continue, and no worker is given up" +
    (hasFaketime ? "" : " (skipped: libfaketime is not installed)"),
  ignore: !hasFaketime,
  async fn(t) {
    const dir = await Deno.makeTempDir({ prefix: "llorch-clock-" });
    const clock = join(dir, "clock");
    await Deno.writeTextFile(clock, "+0");
    try {
      await withService(dirname(slowCounterModel()), async (service) => {
        await run(service.client, countTask(0, 3));
        const known = new Set((await service.workers()).map(({ pid }) => pid));
        await checkNoLeak(service, known, () =>
          inRounds(t, "the clock jumps", async (n) => {
            const froms = range(0, 6).map((k) => 1000 * k + n);
            const some = Promise.withResolvers<void>();
            const onEvent = ({ event }: Received) => event === "token" && some.resolve();
            const all = Promise.all(
              froms.map((from) => followThrough(service.client, countTask(from), onEvent)),
            );
            await some.promise;
            await Deno.writeTextFile(clock, n % 2 === 0 ? "+3600" : "+0");
            for (const [k, received] of (await all).entries()) checkWhole(received, froms[k]!);
            // Long enough for both daemons to notice the jump and to check their timeouts several
            // times.
            await delay(1500);
            const now = (await service.workers()).map(({ pid }) => pid);
            assert.deepEqual(now, [...known], "the worker was not replaced");
            const { tasks } = await service.client.call(routes.listTasks, { query: { limit: 6 } });
            assert.deepEqual(tasks.map(({ attempts }) => attempts.length), Array(6).fill(1));
          }));
      }, {
        ...PATIENT,
        env: {
          LD_PRELOAD: FAKETIME,
          FAKETIME_TIMESTAMP_FILE: clock,
          FAKETIME_CACHE_DURATION: "1",
          FAKETIME_DONT_FAKE_MONOTONIC: "1",
        },
      });
    } finally {
      await Deno.remove(dir, { recursive: true });
    }
  },
});

async function command(name: string, ...args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(name, { args }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
}

/** Writes until the disk is full. */
function fillUp(file: string): void {
  using open = Deno.openSync(file, { create: true, append: true });
  for (const size of [65_536, 4096, 1]) {
    const bytes = new Uint8Array(size);
    try {
      while (open.writeSync(bytes) > 0);
    } catch {
      // There is no room for a block of this size.
    }
  }
}

function exists(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}
