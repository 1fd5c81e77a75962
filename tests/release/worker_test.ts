import assert from "node:assert/strict";
import { join } from "node:path";
import { ENV } from "#shared/defaults.ts";
import { createClient } from "#shared/http/client.ts";
import type { AudioPart, ImagePart } from "#shared/contracts/images.ts";
import { workerRoutes } from "#shared/contracts/worker.ts";
import { OWN_HASHES } from "../../daemons/worker/engine/libllama/c/check_files.ts";
import { MEDIA_FILE } from "../../daemons/worker/engine/libllama/c/library_files.ts";
import { HASHES } from "../../daemons/worker/engine/libllama/c/hashes.ts";
import { whyNoMedia } from "../../daemons/worker/testing/media.ts";
import { DEMO_MODEL, TOKEN, whenReady } from "../../daemons/worker/testing/worker.ts";
import { build } from "../../tools/build/build.ts";
import { planBuild } from "../../tools/build/plan.ts";
import { writeEars } from "../support/audio_model.ts";
import { BLUE_AND_RED, dataUrl, IMAGES, png } from "../support/images.ts";
import { namesIn } from "../support/portable.ts";
import { SOUNDS, tone, wav } from "../support/sounds.ts";
import { listeningUrl, type Program, ROOT, startCommand, within } from "../support/stack.ts";
import { writeProjector, writeSeeingModel } from "../support/vision_model.ts";

const ARGS = ["--port=0", "--standalone", "--gpu=none", "--threads=1"];

/** What a worker says of a picture. */
function saidOf(url: string, picture: Uint8Array): Promise<string> {
  return said(url, { type: "image_url", image_url: { url: dataUrl(picture) } });
}

/** What a worker says of a sound. */
function saidOfSound(url: string, sound: Uint8Array): Promise<string> {
  return said(url, { type: "input_audio", input_audio: { data: sound.toBase64() } });
}

async function said(url: string, part: ImagePart | AudioPart): Promise<string> {
  const { events } = await createClient({ baseUrl: url, token: TOKEN }).stream(
    workerRoutes.execute,
    {
      body: {
        ...{ model: "eyes", job_id: crypto.randomUUID(), attempt: 1 },
        ...{ max_tokens: 8, temperature: 0 },
        messages: [{
          role: "user",
          content: [part, { type: "text", text: " w1" }],
        }],
      },
    },
  );
  let text = "";
  for await (const { event, data } of events) {
    if (event === "token") text += JSON.parse(data).t;
    else if (event === "error") assert.fail(data);
  }
  return text;
}

/** Why a built worker ended. */
async function reasonOf(worker: Program): Promise<string> {
  let log = "";
  for await (const line of worker.lines) log += `${line}\n`;
  assert.notEqual((await within(worker.status, "the worker has ended")).code, 0);
  return log + worker.stderr();
}

Deno.test({
  name: "a portable worker has its thread and the libraries as files, and refuses changed ones",
  ignore: Deno.build.target !== "x86_64-unknown-linux-gnu",
}, async (t) => {
  const dir = await Deno.makeTempDir({ prefix: "llorch-test-" });
  try {
    const args = ["worker", "cpu", "--runtime=portable", "--out", dir];
    await build(planBuild(args, Deno.build.target, ROOT), () => {});
    const runtime = join(dir, "runtime");
    const start = (files: readonly string[] = [`--model=${DEMO_MODEL}`]) =>
      startCommand(join(dir, "llorch-candled"), [...ARGS, ...files], {
        [ENV.workerToken]: TOKEN,
        [ENV.runtimeDir]: runtime,
      });
    const ready = async (files?: readonly string[], use?: (url: string) => Promise<void>) => {
      const worker = start(files);
      try {
        const url = await listeningUrl(worker);
        await within(whenReady(createClient({ baseUrl: url, token: TOKEN })), "it is ready");
        await use?.(url);
      } finally {
        worker.kill("SIGKILL");
        await worker.status;
      }
    };

    await ready();
    const app = join(runtime, namesIn(runtime).find((name) => name.startsWith("llorch-candled"))!);
    const libraries = join(app, "llama/linux-x64");
    await t.step("it carries what it opens, and no more", () => {
      assert.ok(namesIn(app).includes("thread.js"));
      assert.deepEqual(namesIn(join(app, "llama")), ["linux-x64"]);
      assert.deepEqual(namesIn(libraries), Object.keys(HASHES["linux-x64"]).sort());
      assert.ok(!namesIn(app).includes("node_modules"));
    });
    await t.step({
      name: "it sees, with the libmtmd that it carries, and reads every format of pictures",
      ignore: whyNoMedia() !== undefined,
      async fn() {
        assert.deepEqual(namesIn(join(app, "media/linux-x64")), [OWN_HASHES, MEDIA_FILE].sort());
        const [model, projector] = [join(dir, "eyes.gguf"), join(dir, "mmproj-eyes.gguf")];
        writeSeeingModel(model);
        writeProjector(projector);
        await ready([`--model=${model}`, `--mmproj=${projector}`], async (url) => {
          const blue = await saidOf(url, BLUE_AND_RED);
          assert.equal(await saidOf(url, IMAGES.gif), blue);
          assert.equal(await saidOf(url, IMAGES.bmp), blue);
          assert.equal(await saidOf(url, IMAGES["lossless webp"]), blue);
          assert.notEqual(await saidOf(url, IMAGES.jpeg), "");
          assert.notEqual(await saidOf(url, png(32, 32, () => [9, 250, 9])), blue);
        });
      },
    });
    await t.step({
      name: "it hears WAV and MP3",
      ignore: whyNoMedia() !== undefined,
      async fn() {
        const [model, projector] = [join(dir, "ears.gguf"), join(dir, "mmproj-ears.gguf")];
        writeSeeingModel(model);
        writeEars(projector);
        await ready([`--model=${model}`, `--mmproj=${projector}`], async (url) => {
          const low = await saidOfSound(url, SOUNDS.low);
          assert.notEqual(low, "");
          assert.notEqual(await saidOfSound(url, wav(tone(3000, 2))), low);
        });
      },
    });
    await t.step("a library with another byte is refused", async () => {
      const file = namesIn(libraries).find((name) => name.startsWith("libllama."))!;
      const path = join(libraries, file);
      const bytes = await Deno.readFile(path);
      bytes[bytes.length - 1]! ^= 1;
      await Deno.writeFile(path, bytes);
      const reason = await reasonOf(start());
      assert.ok(
        reason.includes(`Cannot use llama.cpp in ${libraries}: ${file} is damaged`),
        reason,
      );
      assert.ok(reason.includes(`remove ${app}: the next start unpacks it again`), reason);
    });
    await t.step("it works again after what the message says", async () => {
      await Deno.remove(app, { recursive: true });
      await ready();
    });
    await t.step("a library that everyone may change is refused", async () => {
      await Deno.chmod(libraries, 0o777);
      const reason = await reasonOf(start());
      assert.ok(reason.includes(`everyone may change it; chmod go-w ${libraries}`), reason);
    });
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});
