/**
 * Pictures and sound in process against llama-server with the same projector: what a model says of them is the same.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { writeEars } from "../../../../tests/support/audio_model.ts";
import { bmp, type Color, dataUrl, gif, png } from "../../../../tests/support/images.ts";
import { tone, wav } from "../../../../tests/support/sounds.ts";
import { whyNoPeer, withPeer } from "../../../../tests/support/peer.ts";
import { seededRandom } from "../../../../tests/support/random.ts";
import {
  TINY_EYES,
  TINY_QWEN_EYES,
  writeProjector,
  writeSeeingModel,
} from "../../../../tests/support/vision_model.ts";
import { textOf } from "../../testing/generator.ts";
import { endOf, using } from "../../testing/llama.ts";
import { whyNoMedia } from "../../testing/media.ts";

const reason = whyNoPeer() ?? whyNoMedia();

type Part =
  | { type: "text"; text: string }
  | { type: "image_url"; image_url: { url: string } }
  | { type: "input_audio"; input_audio: { data: string; format: string } };
type Message = { role: "user" | "assistant"; content: string | Part[] };

/** A GIF of some of the colors. */
function ofColors(width: number, height: number, color: (x: number, y: number) => Color) {
  const colors = Array.from({ length: 256 }, (_, at) => color(at % width, at % height));
  const pixels = Array.from({ length: width * height }, (_, at) => (at * 7) % 256);
  return gif(width, height, colors, pixels, { isInterlaced: height % 2 === 0 });
}

/** A BMP of 16, 24 or 32 bits. */
function ofBits(width: number, height: number, color: (x: number, y: number) => Color) {
  return bmp(width, height, color, {
    depth: [16, 24, 32][(width + height) % 3]!,
    isDown: height % 2 === 0,
  });
}

/** Pictures of all sizes. */
function pictures(): (random: () => number) => Part {
  return (random) => {
    const upTo = (most: number) => Math.floor(random() * most);
    const [width, height] = [1 + upTo(90), 1 + upTo(90)];
    const [a, b, c] = [upTo(256), upTo(256), upTo(9)];
    const color = (x: number, y: number) =>
      [(a + x * c) % 256, (b + y * 3) % 256, (x * y) % 256] as const;
    const made = [png, png, ofColors, ofBits][upTo(4)]!;
    const file = made(width, height, color);
    return { type: "image_url", image_url: { url: dataUrl(file) } };
  };
}

/**
 * Chats with one and several pictures or sounds, also in the middle. None are side by side: that ends
 * llama-server (b11669, `batch.size() > 0`).
 */
function chats(count: number, medium: (random: () => number) => Part): Message[][] {
  const random = seededRandom(21);
  const upTo = (most: number) => Math.floor(random() * most);
  const words = () => Array.from({ length: 1 + upTo(6) }, () => ` w${upTo(300)}`).join("");
  const text = (): Part => ({ type: "text", text: words() });
  const part = () => medium(random);
  return Array.from({ length: count }, (_, index) => {
    switch (index % 4) {
      case 0:
        return [{ role: "user", content: [part(), text()] }];
      case 1:
        return [{ role: "user", content: [text(), part(), text(), part(), text()] }];
      case 2:
        return [
          { role: "user", content: words() },
          { role: "assistant", content: words() },
          { role: "user", content: [text(), part(), text()] },
        ];
      default:
        return [
          { role: "user", content: [part(), text()] },
          { role: "assistant", content: words() },
          { role: "user", content: words() },
        ];
    }
  });
}

for (
  const [name, eyes] of [["LLaVA", TINY_EYES], ["Qwen2-VL, with M-RoPE", TINY_QWEN_EYES]] as const
) {
  Deno.test({
    name: `a picture is answered as llama-server answers it, in 20 chats: ${name}${
      reason === undefined ? "" : ` (skipped: ${reason})`
    }`,
    ignore: reason !== undefined,
    fn: () =>
      besidePeer(chats(20, pictures()), (model, projector) => {
        writeSeeingModel(model, eyes);
        writeProjector(projector, eyes);
      }),
  });
}

Deno.test({
  name: `sound is answered as llama-server answers it, in 20 chats${
    reason === undefined ? "" : ` (skipped: ${reason})`
  }`,
  ignore: reason !== undefined,
  fn: () =>
    besidePeer(chats(20, sounds()), (model, projector) => {
      writeSeeingModel(model);
      writeEars(projector);
    }),
});

/** Tones and noise of all lengths. */
function sounds(): (random: () => number) => Part {
  return (random) => {
    const seconds = 0.01 + 12 * random();
    const samples = tone(100 + 3000 * random(), seconds).map((value) =>
      value + 0.4 * (random() - 0.5)
    );
    return { type: "input_audio", input_audio: { data: wav(samples).toBase64(), format: "wav" } };
  };
}

async function besidePeer(
  all: readonly Message[][],
  write: (model: string, projector: string) => void,
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "llorch-eyes-" });
  try {
    const [model, projector] = [join(folder, "eyes.gguf"), join(folder, "mmproj-eyes.gguf")];
    write(model, projector);
    const wanted: { text: string; read: number }[] = [];
    await withPeer(model, async (post) => {
      for (const messages of all) {
        const fields = { messages, temperature: 0, max_tokens: 12, cache_prompt: false };
        // deno-lint-ignore no-explicit-any
        const reply = await post("/v1/chat/completions", fields) as any;
        const { message } = reply.choices[0];
        wanted.push({ text: message.content, read: reply.usage.prompt_tokens });
      }
    }, ["--mmproj", projector]);
    await using(model, { projector, slots: 2 }, async ({ generate }) => {
      for (const [index, messages] of all.entries()) {
        const events = await generate({
          messages,
          temperature: 0,
          max_tokens: 12,
          prompt: undefined,
        });
        const { tokens_in } = endOf(events);
        assert.deepEqual(
          { text: textOf(events), read: tokens_in },
          wanted[index],
          `chat ${index}`,
        );
      }
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
