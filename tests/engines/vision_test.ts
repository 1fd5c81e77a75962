/**
 * Images through the whole service to a tiny model that sees, in a real llama-server: what it says
 * depends on the image.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { ASK_ABOUT_IMAGE, post } from "../support/ask_about_image.ts";
import { PEER_TOOL, whyNoPeer } from "../support/peer.ts";
import { type Service, withService } from "../support/service.ts";
import { dataUrl, IMAGES, png } from "../support/images.ts";
import { IMAGE_TOKENS, writeProjector, writeSeeingModel } from "../support/vision_model.ts";

const reason = whyNoPeer();
const title = (text: string) => reason === undefined ? text : `${text} (skipped: ${reason})`;

/** Runs a test with a model that sees, and one that does not. */
async function withEyes(
  settings: string,
  test: (service: Service) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "llorch-eyes-" });
  try {
    writeSeeingModel(join(folder, "eyes.gguf"));
    await Deno.copyFile(join(folder, "eyes.gguf"), join(folder, "blind.gguf"));
    // Another model, not a second name of the first.
    await Deno.writeFile(join(folder, "blind.gguf"), Uint8Array.of(0), { append: true });
    const projector = await Deno.makeTempFile({ suffix: ".gguf" });
    writeProjector(projector);
    const command = [
      ...[PEER_TOOL, "run", "llama-server", "-m", "{model}", "--mmproj", projector],
      ...["--host", "{host}", "--port", "{port}", "-c", "{total_context}", "-np", "{slots}"],
      ...["-t", "{threads}", "-ngl", "{gpu_layers}", "--no-ui"],
    ];
    await withService(folder, test, {
      orchestratord: settings,
      poolManagerd: `worker.threads = 1
        [engines.eyes]
        command = ${JSON.stringify(command)}
        models = ["eyes"]`,
    });
    await Deno.remove(projector);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const RED = png(32, 32, () => [255, 0, 0]).toBase64();
const BLUE = png(32, 32, () => [0, 0, 255]).toBase64();

Deno.test({
  name: title("a model that sees says the same of an image through each API, and else of another"),
  ignore: reason !== undefined,
  fn: () =>
    withEyes("", async (service) => {
      const [first, ...others] = Object.values(ASK_ABOUT_IMAGE);
      const red = await first!(service, RED);
      assert.equal(red.made, 8);
      assert.ok(red.read > IMAGE_TOKENS, `${red.read} tokens`);
      for (const ask of others) assert.deepEqual(await ask(service, RED), red);
      const blue = await first!(service, BLUE);
      assert.notEqual(blue.text, red.text);
      for (const ask of others) assert.deepEqual(await ask(service, BLUE), blue);

      const { body } = await post(service, "/api/show", { model: "eyes" });
      assert.ok(body.capabilities.includes("vision"));
    }),
});

Deno.test({
  name: title("what a model or its server cannot read is refused by name"),
  ignore: reason !== undefined,
  fn: () =>
    withEyes("", async (service) => {
      const chat = (model: string, url: string) =>
        post(service, "/v1/chat/completions", {
          ...{ model, max_tokens: 2 },
          messages: [{
            role: "user",
            content: [{ type: "image_url", image_url: { url } }, { type: "text", text: "w5" }],
          }],
        });
      const blind = await chat("blind", `data:image/png;base64,${RED}`);
      assert.equal(blind.status, 400);
      assert.match(blind.body.error.message, /image input is not supported: .*blind/);
      for (const format of ["png", "jpeg", "progressive jpeg", "gif", "bmp"] as const) {
        const read = await chat("eyes", dataUrl(IMAGES[format]));
        assert.equal(read.status, 200, `${format}: ${JSON.stringify(read.body)}`);
      }
      for (const format of ["lossy webp", "lossless webp", "extended webp"] as const) {
        const webp = await chat("eyes", dataUrl(IMAGES[format]));
        assert.equal(webp.status, 400, JSON.stringify(webp.body));
        assert.match(webp.body.error.message, /messages\.0\.content\.0: .*no WebP/);
      }
      // A header without an image: only its decoder finds out.
      const broken = await chat("eyes", dataUrl(png(8, 8, () => [1, 2, 3]).subarray(0, 40)));
      assert.equal(broken.status, 400, JSON.stringify(broken.body));
      assert.match(broken.body.error.message, /the engine refuses the request: .*image/);
      const { text } = await ASK_ABOUT_IMAGE["chat"]!(service, RED);
      assert.equal(typeof text, "string", "it goes on");
    }),
});
