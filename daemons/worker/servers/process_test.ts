import assert from "node:assert/strict";
import { delay } from "#shared/lifecycle.ts";
import { groupMemory, readPs, readStatus } from "./group_memory.ts";
import { within } from "../../../tests/support/stack.ts";
import { startEngine } from "./process.ts";

const ENV = { PATH: Deno.env.get("PATH") ?? "" };

/** Waits until the group has this many processes. */
async function whenCount(group: number, count: number): Promise<void> {
  const giveUp = performance.now() + 30_000;
  for (; (await groupMemory(group)).pids.length !== count; await delay(10)) {
    assert.ok(performance.now() < giveUp, `the group ${group} never had ${count} processes`);
  }
}

Deno.test("SIGTERM ends a server that does not ignore it, and its children", async () => {
  const engine = startEngine(["/bin/sh", "-c", "sleep 1000 & sleep 1001"], ENV);
  // The processes: the guard, its watcher, the shell, and both sleeps.
  await whenCount(engine.group, 5);
  await engine.stop(10_000);
  assert.match((await engine.ended).how, /signal 15|SIGTERM/);
  await whenCount(engine.group, 0);
});

Deno.test("a server that ignores SIGTERM is killed after the deadline", async () => {
  const engine = startEngine(["/bin/sh", "-c", "trap '' TERM; while :; do sleep 0.05; done"], ENV);
  await whenCount(engine.group, 4);
  await engine.stop(100);
  await whenCount(engine.group, 0);
});

Deno.test({
  name:
    "a server that ignores SIGTERM is killed after the deadline, whatever became of its watcher",
  ignore: Deno.build.os !== "linux",
  async fn() {
    const stubborn = ["/bin/sh", "-c", "trap '' TERM; while :; do sleep 0.05; done"];
    const engine = startEngine(stubborn, ENV);
    await whenCount(engine.group, 4);
    // The server's own children come and go.
    const command = (pid: number) => Deno.readTextFile(`/proc/${pid}/cmdline`).catch(() => "");
    const guard = await command(engine.group);
    const { pids } = await groupMemory(engine.group);
    const others = await Promise.all(
      pids.filter((pid) => pid !== engine.group)
        .map(async (pid) => ({ pid, command: await command(pid) })),
    );
    Deno.kill(others.find(({ command }) => command === guard)!.pid, "SIGKILL");
    await within(engine.stop(100), "the server has stopped");
    await whenCount(engine.group, 0);
  },
});

Deno.test("children that a server leaves behind are ended too", async () => {
  const engine = startEngine(["/bin/sh", "-c", "sleep 1000 & exit 3"], ENV);
  assert.deepEqual(await engine.ended, { how: "it ended with exit code 3", wasKilled: false });
  await whenCount(engine.group, 0);
});

Deno.test("a missing program is reported", async () => {
  const { how } = await startEngine(["no-such-program"], ENV).ended;
  assert.equal(how, "its program was not found");
});

Deno.test("the server goes when the process that started it is killed", async () => {
  const script = new URL("../testing/engine_parent.ts", import.meta.url).pathname;
  const parent = new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "-A", script],
    stdout: "piped",
  }).spawn();
  const reader = parent.stdout.getReader();
  const group = Number(new TextDecoder().decode((await reader.read()).value));
  await whenCount(group, 3);
  parent.kill("SIGKILL");
  await parent.status;
  await whenCount(group, 0);
  await reader.cancel();
});

Deno.test("memory of a process: its own and mapped pages, and shared ones apart", () => {
  const status =
    "Name:\tserve\nRssAnon:\t     100 kB\nRssFile:\t      20 kB\nRssShmem:\t       3 kB\n";
  assert.deepEqual(readStatus(status), { own: 120 * 1024, shared: 3 * 1024 });
});

Deno.test("memory of a group, from the output of ps", () => {
  const text = "  10   7  100\n   8   7    1\n   9   9   50\n";
  assert.deepEqual(readPs(text, 7).map(({ pid, memory }) => [pid, memory.own]), [
    [10, 102_400],
    [8, 1024],
  ]);
});
