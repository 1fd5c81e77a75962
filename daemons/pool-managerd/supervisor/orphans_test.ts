import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { FakeClock } from "../../../tests/support/fake_clock.ts";
import { recordingLogger } from "../testdata/log.ts";
import { reapOrphans, type Zombie, zombieOfStat } from "./orphans.ts";

Deno.test("an ended child is reaped only if two checks in a row find it, and only once", () => {
  const clock = new FakeClock();
  let there: Zombie[] = [];
  const reaped: number[] = [];
  const system = { zombies: () => there, reap: (pid: number) => void reaped.push(pid) };
  const stop = reapOrphans(clock, recordingLogger(), system);
  const look = (...zombies: Zombie[]) => {
    there = zombies;
    clock.advance(5_000);
    return reaped.splice(0);
  };
  const orphan = { pid: 7, startTime: "1" };
  // A child of the runtime has just ended: the runtime will reap it itself.
  assert.deepEqual(look({ pid: 5, startTime: "1" }), []);
  assert.deepEqual(look(orphan), []);
  assert.deepEqual(look(orphan, { pid: 5, startTime: "2" }), [7]);
  assert.deepEqual(look({ pid: 7, startTime: "3" }), [], "the pid belongs to another process now");
  stop();
  assert.equal(clock.pending, 0);
});

Deno.test("zombieOfStat() recognises ended children of one process, whatever their names", () => {
  const rest = "1 1 0 -1 4 0 0 0 0 0 0 0 0 20 0 1 0 4711 0";
  const stat = (state: string, ppid: number) => `42 (a ) Z b) ${state} ${ppid} ${rest}`;
  assert.deepEqual(zombieOfStat(stat("Z", 1), 1), { pid: 42, startTime: "4711" });
  assert.equal(zombieOfStat(stat("S", 1), 1), undefined);
  assert.equal(zombieOfStat(stat("Z", 2), 1), undefined);
  assert.equal(zombieOfStat("", 1), undefined);
});

const skipReason = Deno.build.os !== "linux"
  ? "Linux only"
  : Deno.uid() !== 0
  ? "needs root for a process namespace"
  : undefined;

Deno.test({
  name: "process 1 reaps orphans of others and leaves its own children their status" +
    (skipReason === undefined ? "" : ` (skipped: ${skipReason})`),
  ignore: skipReason !== undefined,
  async fn() {
    const { code, stdout } = await new Deno.Command("unshare", {
      args: [
        ...["--pid", "--fork", "--kill-child", "--mount-proc"],
        ...[Deno.execPath(), "run", "-A", "-q"],
        fileURLToPath(new URL("../testdata/init_process.ts", import.meta.url)),
      ],
      stdout: "piped",
      stderr: "inherit",
    }).output();
    assert.equal(code, 0);
    assert.deepEqual(JSON.parse(new TextDecoder().decode(stdout)), {
      pid: 1,
      before: 3,
      after: 0,
      codes: [7, 7, 7],
    });
  },
});
