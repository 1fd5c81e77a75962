import assert from "node:assert/strict";
import { until } from "../tests/support/stack.ts";
import { descendants, terminate } from "./process_tree.ts";

Deno.test({
  name: "descendants() finds children of children, and terminate() ends them, stopped ones too",
  ignore: Deno.build.os !== "linux", // It reads /proc.
  async fn() {
    const parent = new Deno.Command("sh", {
      args: ["-c", "sh -c 'sleep 1000; true' & wait"],
      stdout: "null",
      stderr: "null",
    }).spawn();
    await until("both have begun", () => descendants(parent.pid).length === 2);
    const below = descendants(parent.pid);
    Deno.kill(below[1]!.pid, "SIGSTOP");
    parent.kill("SIGKILL");
    await parent.status;
    const isThere = (pid: number) => descendants(pid).length > 0;
    assert.ok(isThere(below[0]!.pid), "what it started lives on");
    terminate([{ pid: below[0]!.pid, began: "another time" }]);
    assert.ok(isThere(below[0]!.pid), "a later process of that number is left alone");
    terminate(below);
    await until("they are gone", () => below.every(({ pid }) => !isRunning(pid)));
  },
});

/** Whether a process is there and no zombie that nobody has asked after. */
function isRunning(pid: number): boolean {
  try {
    return !/\) [ZX] /.test(Deno.readTextFileSync(`/proc/${pid}/stat`));
  } catch {
    return false;
  }
}
