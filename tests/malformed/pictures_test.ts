import assert from "node:assert/strict";
import { join } from "node:path";
import { workerRoutes } from "#shared/contracts/worker.ts";
import { ENV } from "#shared/defaults.ts";
import { createClient } from "#shared/http/client.ts";
import { whyNoMedia } from "../../daemons/worker/testing/media.ts";
import { TOKEN, whenReady } from "../../daemons/worker/testing/worker.ts";
import { brokenCopy } from "../support/broken_images.ts";
import { dataUrl, IMAGES, png } from "../support/images.ts";
import { seededRandom } from "../support/random.ts";
import { startExecutable } from "../support/service.ts";
import { listeningUrl, within } from "../support/stack.ts";
import { writeProjector, writeSeeingModel } from "../support/vision_model.ts";

/** Number of pictures; `deno task test:pictures` sends 2 000. */
const RUNS = Number(Deno.env.get("LLORCH_PICTURE_RUNS") ?? 150);
/** Pictures that are asked about at the same time. */
const PARALLEL = 4;
/** Pictures of a step. */
const STEP = 100;
/** Memory that V8 may keep beyond what it had after the first half, in bytes. */
const SLACK_BYTES = 96 * 1024 * 1024;

const reason = whyNoMedia();

async function rssOf(pid: number): Promise<number> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) * 1024;
}

Deno.test({
  name: `broken pictures end no worker, and are refused by their field${
    reason === undefined ? "" : ` (skipped: ${reason})`
  }`,
  ignore: reason !== undefined,
  async fn(t) {
    const folder = await Deno.makeTempDir({ prefix: "llorch-eyes-" });
    const [model, projector] = [join(folder, "eyes.gguf"), join(folder, "mmproj-eyes.gguf")];
    writeSeeingModel(model);
    writeProjector(projector);
    const worker = startExecutable("llorch-candled", [
      ...["--port=0", "--standalone", "--gpu=none", "--threads=1", `--slots=${PARALLEL}`],
      ...[`--model=${model}`, `--mmproj=${projector}`],
    ], { [ENV.workerToken]: TOKEN });
    let drained: Promise<unknown> | undefined;
    try {
      const url = await listeningUrl(worker);
      // A log that nobody reads would stop it.
      drained = Array.fromAsync(worker.lines);
      await within(whenReady(createClient({ baseUrl: url, token: TOKEN })), "it is ready");
      const ask = async (file: Uint8Array, job: string) => {
        const reply = await fetch(url + workerRoutes.execute.path, {
          method: "POST",
          headers: { authorization: `Bearer ${TOKEN}`, "content-type": "application/json" },
          body: JSON.stringify({
            ...{ model: "eyes", job_id: job, attempt: 1, max_tokens: 1, temperature: 0 },
            messages: [{
              role: "user",
              content: [
                { type: "text", text: " w1" },
                { type: "image_url", image_url: { url: dataUrl(file) } },
                { type: "text", text: " w2" },
              ],
            }],
          }),
        });
        return { status: reply.status, text: await reply.text() };
      };
      const whole = [
        ...Object.values(IMAGES),
        png(24, 16, (x, y) => [x * 9, y * 11, x * y]),
      ];
      const random = seededRandom(21);
      const broken = Array.from({ length: RUNS }, (_, index) => {
        const file = whole[index % whole.length]!;
        // In some, the format itself is broken.
        return brokenCopy(file, random, random() < 0.9 ? 12 : 0);
      });
      let [refused, baseline, next] = [0, 0, 0];
      const some = async (end: number) => {
        for (let at = next++; at < end; at = next++) {
          const { status, text } = await ask(broken[at]!, `job-${at}`);
          assert.ok(status === 200 || status === 400, `picture ${at}: ${status} ${text}`);
          if (status === 400) {
            refused++;
            assert.match(text, /messages\.0\.content\.1/, `picture ${at}`);
          } else assert.match(text, /^event: end$/m, `picture ${at}`);
        }
      };
      while (next < RUNS) {
        const [from, end] = [next, Math.min(RUNS, next + STEP)];
        await t.step(`from ${from} to ${end}`, async () => {
          await Promise.all(Array.from({ length: PARALLEL }, () => some(end)));
          next = end;
        });
        if (from <= RUNS / 2) baseline = await rssOf(worker.pid);
      }
      assert.ok(refused > RUNS / 4, `${refused} were refused`);
      for (const [index, file] of whole.entries()) {
        const { status, text } = await ask(file, `whole-${index}`);
        assert.equal(status, 200, text);
      }
      const grown = await rssOf(worker.pid) - baseline;
      assert.ok(grown < SLACK_BYTES, `${grown} bytes more`);
    } finally {
      worker.kill("SIGTERM");
      await worker.status;
      await drained;
      await Deno.remove(folder, { recursive: true });
    }
  },
});
