/**
 * Built workers with and without a GPU of this machine. `LLORCH_BIN_DIR` is their folder.
 *
 * @module
 */
import assert from "node:assert/strict";
import { workerEvent } from "#shared/contracts/events.ts";
import { workerRoutes } from "#shared/contracts/worker.ts";
import { createClient } from "#shared/http/client.ts";
import { findGpu, type GpuBuild, gpuBuilds, hasDevice } from "../support/gpu.ts";
import { counterModel } from "../support/models.ts";
import { range, startCommand, within } from "../support/stack.ts";

const GPU = "0";
const found = findGpu(GPU);
const built = gpuBuilds();
const lonely = built.find(({ backend }) => !hasDevice(backend, GPU));
const cuda = built.find(({ backend }) => backend === "cuda");

/** Text that the counter generates after 1. */
const COUNTED = range(2, 40).map((n) => ` w${n}`).join("");

/** Registers a test that needs something; without it, the test is skipped and its name says why. */
function testWith<T extends object>(
  name: string,
  needed: T | string,
  work: (needed: T) => Promise<void>,
): void {
  const isThere = typeof needed !== "string";
  Deno.test({
    name: isThere ? name : `${name} (skipped: ${needed})`,
    ignore: !isThere,
    fn: () => work(needed as T),
  });
}

function start({ path }: GpuBuild, flags: readonly string[]) {
  const args = ["--standalone", "--model", counterModel(), "--port", "0", "--threads", "1"];
  return startCommand(path, [...args, ...flags]);
}

/** Starts a worker, waits until it has loaded, and lets it count. */
async function countOn(build: GpuBuild, gpu: string): Promise<{ backend: string; text: string }> {
  const program = start(build, ["--gpu", gpu]);
  try {
    const url = await within(loadedAt(program.lines), "the worker has loaded", 120_000);
    const client = createClient({ baseUrl: url });
    const { backend } = await client.call(workerRoutes.health, {});
    const { events } = await client.stream(workerRoutes.execute, {
      body: { job_id: "count", attempt: 1, model: "counter", prompt: " w1", max_tokens: 40 },
    });
    let text = "";
    for await (const { event, data } of events) {
      const each = workerEvent.parse({ event, data: JSON.parse(data) });
      assert.notEqual(each.event, "error", data);
      if (each.event === "token") text += each.data.t;
    }
    return { backend, text };
  } catch (error) {
    throw new Error(`${build.path} --gpu ${gpu}: ${program.stderr()}`, { cause: error });
  } finally {
    program.kill("SIGTERM");
    await program.status;
  }
}

async function loadedAt(lines: AsyncIterable<string>): Promise<string> {
  let url = "";
  for await (const line of lines) {
    const { event, ...fields } = JSON.parse(line);
    if (event === "listening") url = fields.url;
    if (event === "loaded") return url;
  }
  throw new Error("The worker has ended");
}

testWith("a worker computes on the GPU, and logs it", found, async (build) => {
  const { backend, text } = await countOn(build, GPU);
  assert.equal(backend, build.backend);
  assert.equal(text, COUNTED);
});

testWith("a worker for a missing GPU does not fall back to the CPU", found, async (build) => {
  const program = start(build, ["--gpu", "99"]);
  const { code } = await within(program.status, "the worker has ended", 120_000);
  assert.equal(code, 1);
  assert.match(program.stderr(), /^llorch-candled: Cannot use GPU 99: .*no GPU answers/m);
});

testWith(
  "a GPU build without its driver names what is missing in one line, and exits with 1",
  lonely ?? (built.length === 0 ? String(found) : "every GPU build on this machine has a device"),
  async (build) => {
    const program = start(build, []);
    const { code } = await within(program.status, "the worker has ended", 120_000);
    assert.equal(code, 1);
    assert.match(
      program.stderr().trim(),
      /^llorch-candled: Cannot use a GPU: this build of llorch-candled computes with .*; .*$/,
    );
  },
);

testWith(
  "the CUDA build computes on the CPU if asked to, with and without a GPU",
  cuda ?? (built.length === 0 ? String(found) : "there is no llorch-candled-cuda"),
  async (build) => {
    const { backend, text } = await countOn(build, "none");
    assert.equal(backend, "cpu");
    assert.equal(text, COUNTED);
  },
);
