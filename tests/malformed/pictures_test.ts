import assert from "node:assert/strict";
import { join } from "node:path";
import type { AudioPart, ImagePart } from "#shared/contracts/images.ts";
import { workerRoutes } from "#shared/contracts/worker.ts";
import { ENV } from "#shared/defaults.ts";
import { createClient } from "#shared/http/client.ts";
import { whyNoMedia } from "../../daemons/worker/testing/media.ts";
import { TOKEN, whenReady } from "../../daemons/worker/testing/worker.ts";
import { writeEars } from "../support/audio_model.ts";
import { brokenCopy } from "../support/broken_images.ts";
import { bmp, dataUrl, IMAGES, png } from "../support/images.ts";
import { seededRandom } from "../support/random.ts";
import { startExecutable } from "../support/service.ts";
import { SOUNDS, tone, wav } from "../support/sounds.ts";
import { listeningUrl, until, within } from "../support/stack.ts";
import { writeProjector, writeSeeingModel } from "../support/vision_model.ts";

/** Number of pictures; `deno task test:pictures` sends 2 000. */
const RUNS = Number(Deno.env.get("LLORCH_PICTURE_RUNS") ?? 150);
/** Those that are asked about at the same time. */
const PARALLEL = 4;
/** Those of a step. */
const STEP = 100;
/** Most bytes by which the memory of an idle worker may have grown. */
const SLACK_BYTES = 32 * 1024 * 1024;

const reason = whyNoMedia();

/** What is broken, and the model that it is for. */
interface Kind {
  readonly name: string;
  readonly writeProjector: (path: string) => void;
  readonly runs: number;
  readonly whole: readonly Uint8Array[];
  readonly broken: (file: Uint8Array, random: () => number) => Uint8Array<ArrayBuffer>;
  readonly part: (file: Uint8Array) => ImagePart | AudioPart;
}

const KINDS: readonly Kind[] = [{
  name: "broken pictures end no worker, and are refused by their field",
  writeProjector,
  whole: [
    ...Object.values(IMAGES),
    png(24, 16, (x, y) => [x * 9, y * 11, x * y]),
    ...[4, 8, 16, 32].map((depth) => bmp(9, 5, (x) => [x < 4 ? 0 : 255, 0, 255], { depth })),
  ],
  runs: RUNS,
  // In some, the format itself is broken.
  broken: (file, random) => brokenCopy(file, random, random() < 0.9 ? 12 : 0),
  part: (file) => ({ type: "image_url", image_url: { url: dataUrl(file) } }),
}, {
  name: "broken sounds end no worker, and are refused by their field",
  writeProjector: writeEars,
  whole: [
    ...Object.values(SOUNDS),
    ...[16_000, 44_100].map((rate) => wav(tone(440, 0.1, { rate }), { rate })),
    wav(tone(440, 0.05), { channels: 2 }),
  ],
  // What is heard, though broken, takes half a second.
  runs: Math.ceil(RUNS / 3),
  broken(file, random) {
    const head = random() < 0.7 ? 48 : file.length;
    const rest = random() < 0.3 ? file.subarray(file.length) : file.subarray(head);
    const broken = brokenCopy(brokenCopy(file.subarray(0, head), random, 4), random, 4);
    return Uint8Array.from([...broken, ...rest]);
  },
  part: (file) => ({ type: "input_audio", input_audio: { data: file.toBase64() } }),
}];

async function rssOf(pid: number): Promise<number> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) * 1024;
}

for (const kind of KINDS) {
  Deno.test({
    name: `${kind.name}${reason === undefined ? "" : ` (skipped: ${reason})`}`,
    ignore: reason !== undefined,
    async fn(t) {
      const folder = await Deno.makeTempDir({ prefix: "llorch-eyes-" });
      const [model, projector] = [join(folder, "eyes.gguf"), join(folder, "mmproj-eyes.gguf")];
      writeSeeingModel(model);
      kind.writeProjector(projector);
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
                  kind.part(file),
                  { type: "text", text: " w2" },
                ],
              }],
            }),
          });
          return { status: reply.status, text: await reply.text() };
        };
        const { whole, runs } = kind;
        const random = seededRandom(21);
        const broken = Array.from(
          { length: runs },
          (_, index) => kind.broken(whole[index % whole.length]!, random),
        );
        const askWhole = async (name: string) => {
          for (const [index, file] of whole.entries()) {
            const { status, text } = await ask(file, `${name}-${index}`);
            assert.equal(status, 200, text);
          }
        };
        await askWhole("before");
        const baseline = await rssOf(worker.pid);
        let [refused, next] = [0, 0];
        const some = async (end: number) => {
          for (let at = next++; at < end; at = next++) {
            const { status, text } = await ask(broken[at]!, `job-${at}`);
            assert.ok(status === 200 || status === 400, `${at}: ${status} ${text}`);
            if (status === 400) {
              refused++;
              assert.match(text, /messages\.0\.content\.1/, `${at}`);
            } else assert.match(text, /^event: end$/m, `${at}`);
          }
        };
        while (next < runs) {
          const [from, end] = [next, Math.min(runs, next + STEP)];
          await t.step(`from ${from} to ${end}`, async () => {
            await Promise.all(Array.from({ length: PARALLEL }, () => some(end)));
            next = end;
          });
        }
        assert.ok(refused > runs / 4, `${refused} were refused`);
        await askWhole("after");
        await until(
          "the memory is released",
          async () => await rssOf(worker.pid) < baseline + SLACK_BYTES,
          120_000,
        );
      } finally {
        worker.kill("SIGTERM");
        await worker.status;
        await drained;
        await Deno.remove(folder, { recursive: true });
      }
    },
  });
}
