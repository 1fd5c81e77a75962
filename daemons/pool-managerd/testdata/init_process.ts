/**
 * Process 1 of a new namespace: makes orphans, reaps them while its own children end, and prints
 * what it observed.
 *
 * @module
 */
import { reapOrphans } from "../supervisor/orphans.ts";
import { FakeClock } from "../../../tests/support/fake_clock.ts";
import { recordingLogger } from "./log.ts";

/** Ended children of this process. */
function zombies(): number {
  return [...Deno.readDirSync("/proc")].filter(({ name }) => {
    if (!/^\d+$/.test(name)) return false;
    try {
      return /\) Z 1 /.test(Deno.readTextFileSync(`/proc/${name}/stat`));
    } catch {
      return false;
    }
  }).length;
}

const clock = new FakeClock();
const stop = reapOrphans(clock, recordingLogger());
// They end after the shell that started them, so only process 1 can reap them.
await new Deno.Command("sh", {
  args: ["-c", "for n in 1 2 3; do sleep 0.2 >/dev/null 2>&1 & done"],
}).output();
while (zombies() < 3) await new Promise((resolve) => setTimeout(resolve, 10));
const before = zombies();
const codes: number[] = [];
for (let look = 0; look < 3; look++) {
  const own = new Deno.Command("sh", { args: ["-c", "exit 7"] }).output();
  clock.advance(5_000);
  codes.push((await own).code);
}
console.log(JSON.stringify({ pid: Deno.pid, before, after: zombies(), codes }));
stop();
