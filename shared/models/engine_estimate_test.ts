import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { askEngine } from "./engine_estimate.ts";

/** A worker that does what a script says. */
const scripted = (script: string) => ({
  command: Deno.execPath(),
  args: ["eval", "--quiet", "--no-config", script],
});
const ask = (script: string, deadlineMs = 60_000, signal?: AbortSignal) =>
  askEngine(scripted(script), ["--model=x"], {
    ...{ env: Deno.env.toObject(), deadlineMs },
    ...(signal ? { signal } : {}),
  });
const MEMORY = { device_bytes: 5, host_bytes: 6, parts: { weights: 5 } };

Deno.test("askEngine() gives the load's flags and a deadline, and reads the answer", async () => {
  const answer = await ask(
    `console.log(JSON.stringify({ ...${JSON.stringify(MEMORY)}, args: Deno.args }));
     if (!Deno.args.includes("--estimate") || Deno.args.at(-1) !== "--model=x") Deno.exit(1);
     if (!Deno.args.includes("--estimate-deadline-ms=60000")) Deno.exit(2);`,
  );
  assert.deepEqual(answer, { memory: MEMORY });
});

Deno.test("a child that crashes, refuses or writes anything else is a problem in words", async () => {
  assert.deepEqual(await ask(`Deno.kill(Deno.pid, "SIGKILL"); await new Promise(() => {});`), {
    problem: "it ended by SIGKILL",
  });
  assert.deepEqual(await ask(`console.error("a\\nllorch-candled: no model"); Deno.exit(3)`), {
    problem: "no model",
  });
  assert.deepEqual(await ask(`Deno.exit(3)`), { problem: "it ended by exit code 3" });
  assert.deepEqual(await ask(`console.log("{}")`), { problem: "its answer cannot be read" });
  assert.deepEqual(await ask(`while (true) console.log("x".repeat(10_000));`), {
    problem: "it writes too much",
  });
  const absent = { command: fileURLToPath(new URL("./absent", import.meta.url)), args: [] };
  const { problem } = await askEngine(absent, [], { env: {}, deadlineMs: 1 }) as {
    problem: string;
  };
  assert.match(problem, /absent|cannot be started/);
});

Deno.test("a child that hangs is killed after its deadline, and at once when we stop", async () => {
  const hang = `setInterval(() => {}, 1_000);`;
  assert.deepEqual(await ask(hang, -4_900), { problem: "it took more than -4900 ms" });
  const stop = new AbortController();
  const asked = ask(hang, 60_000, stop.signal);
  stop.abort();
  assert.deepEqual(await asked, { problem: "it ended by SIGKILL" });
});
