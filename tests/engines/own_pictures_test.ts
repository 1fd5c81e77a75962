/**
 * Images and sound through the whole service to tiny models that our own worker serves, with the projectors that lie
 * beside them.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { type TaskRequestInput, transcription, transcriptionEvent } from "#shared/contracts/mod.ts";
import { whyNoMedia } from "../../daemons/worker/testing/media.ts";
import { ASK_ABOUT_IMAGE, post } from "../support/ask_about_image.ts";
import { dataUrl, IMAGES, png } from "../support/images.ts";
import { SOUND_TOKENS, writeEars } from "../support/audio_model.ts";
import { failovers, killIfAlive, type Service, withService } from "../support/service.ts";
import { SOUNDS, tone, wav } from "../support/sounds.ts";
import { follow, run, textOf } from "../support/stack.ts";
import { IMAGE_TOKENS, writeProjector, writeSeeingModel } from "../support/vision_model.ts";

const reason = whyNoMedia();
const RED = png(32, 32, () => [255, 0, 0]).toBase64();
const BLUE = png(32, 32, () => [0, 0, 255]).toBase64();

/** A worker may have said everything before it is killed: then it is asked again. */
const TRIES = 10;

Deno.test({
  name: `our own worker sees and hears, with the projector that lies beside its model${
    reason === undefined ? "" : ` (skipped: ${reason})`
  }`,
  ignore: reason !== undefined,
  async fn(t) {
    const models = await Deno.makeTempDir({ prefix: "llorch-eyes-" });
    try {
      writeSeeingModel(join(models, "eyes.gguf"));
      writeProjector(join(models, "mmproj-eyes-f16.gguf"));
      await Deno.copyFile(join(models, "eyes.gguf"), join(models, "ears.gguf"));
      // Another model, not a second name of the first.
      await Deno.writeFile(join(models, "ears.gguf"), Uint8Array.of(0), { append: true });
      writeEars(join(models, "ears.mmproj.gguf"));
      await withService(models, async (service) => {
        await t.step("each API has the same answer about an image", () => eachApi(service));
        await t.step(
          "llorch orchestrator jobs submit --image has it, too",
          () => byCommand(service),
        );
        await t.step("it is told that the model sees", () => told(service));
        await t.step("the tokens of an image are counted", () => counted(service));
        await t.step("what cannot be read is refused by its field", () => refused(service));
        await t.step("a model that hears answers about sound", () => hears(service));
        await t.step("its text is transcribed", () => transcribed(service));
        await t.step(
          "llorch orchestrator jobs submit --audio has it, too",
          () => heardByCommand(service),
        );
        await t.step(
          "kill -9 in the middle of an answer changes nothing of it",
          () => kill(service),
        );
      }, { poolManagerd: "worker.threads = 1" });
    } finally {
      await Deno.remove(models, { recursive: true });
    }
  },
});

async function eachApi(service: Service): Promise<void> {
  const [first, ...others] = Object.values(ASK_ABOUT_IMAGE);
  const red = await first!(service, RED);
  assert.equal(red.made, 8);
  assert.ok(red.read > IMAGE_TOKENS, `${red.read} tokens`);
  for (const ask of others) assert.deepEqual(await ask(service, RED), red);
  const blue = await first!(service, BLUE);
  assert.notEqual(blue.text, red.text);
  for (const ask of others) assert.deepEqual(await ask(service, BLUE), blue);
}

async function byCommand(service: Service): Promise<void> {
  const file = join(service.dir, "red.png");
  await Deno.writeFile(file, Uint8Array.fromBase64(RED));
  const { text } = await ASK_ABOUT_IMAGE["chat"]!(service, RED);
  const { code, out, err } = await service.llorch(
    ...["orchestrator", "jobs", "submit", "--model=eyes", "--chat", "w5", "--max-tokens=8"],
    ...["--temperature=0", "--quiet", "--image", file],
  );
  assert.equal(code, 0, err);
  assert.equal(out.trim(), text.trim());
}

async function told(service: Service): Promise<void> {
  const { models } = await (await fetch(`${service.orchestratord.url}/v2/models`)).json();
  type Shown = { aliases: string[]; vision?: boolean; audio?: boolean };
  const sensesOf = (name: string) => {
    const { vision, audio } = models.find(({ aliases }: Shown) => aliases.includes(name));
    return { vision, audio };
  };
  assert.deepEqual(sensesOf("eyes"), { vision: true, audio: undefined });
  assert.deepEqual(sensesOf("ears"), { vision: undefined, audio: true });
  const { body } = await post(service, "/api/show", { model: "eyes" });
  assert.ok(body.capabilities.includes("vision"));
}

async function counted(service: Service): Promise<void> {
  const { read } = await ASK_ABOUT_IMAGE["chat"]!(service, RED);
  const { status, body } = await post(service, "/v1/messages/count_tokens", {
    model: "eyes",
    messages: [{
      role: "user",
      content: [
        { type: "image", source: { type: "base64", media_type: "image/png", data: RED } },
        { type: "text", text: "w5" },
      ],
    }],
  });
  assert.deepEqual({ status, body }, { status: 200, body: { input_tokens: read } });
}

async function refused(service: Service): Promise<void> {
  const { text } = await ASK_ABOUT_IMAGE["chat"]!(service, RED);
  // A header without an image: only its decoder finds out.
  const broken = await chat(service, png(8, 8, () => [1, 2, 3]).subarray(0, 40));
  assert.equal(broken.status, 400, JSON.stringify(broken.body));
  assert.match(broken.body.error.message, /messages\.0\.content\.1.*damaged PNG/);
  for (const file of Object.values(IMAGES)) {
    const { status, body } = await chat(service, file);
    assert.equal(status, 200, JSON.stringify(body));
  }
  assert.equal((await ASK_ABOUT_IMAGE["chat"]!(service, RED)).text, text);
}

function chat(service: Service, file: Uint8Array) {
  return post(service, "/v1/chat/completions", {
    ...{ model: "eyes", max_tokens: 2 },
    messages: [{
      role: "user",
      content: [
        { type: "text", text: "w5" },
        { type: "image_url", image_url: { url: dataUrl(file) } },
        { type: "text", text: "w6" },
      ],
    }],
  });
}

async function kill(service: Service): Promise<void> {
  const task: TaskRequestInput = {
    ...{ model: "eyes", max_tokens: 200, temperature: 0 },
    messages: [{
      role: "user",
      content: [
        { type: "image_url", image_url: { url: dataUrl(Uint8Array.fromBase64(RED)) } },
        { type: "text", text: "w5" },
      ],
    }],
  };
  const answer = async (killAt?: number) => {
    const events = [];
    let tokens = 0;
    for await (const event of follow(service.client, task)) {
      events.push(event);
      if (event.event !== "token" || ++tokens !== killAt) continue;
      for (const { pid } of await service.workers()) killIfAlive(pid);
    }
    assert.equal(events.at(-1)?.event, "end");
    return textOf(events);
  };
  const whole = await answer();
  for (let tries = 0; tries < TRIES; tries++) {
    const before = await failovers(service);
    assert.equal(await answer(10), whole);
    if (await failovers(service) > before) return;
  }
  assert.fail("It was never killed in time");
}

async function hears(service: Service): Promise<void> {
  const ask = async (samples: readonly number[], model = "ears") => {
    const { status, body } = await post(service, "/v1/chat/completions", {
      ...{ model, max_tokens: 8, temperature: 0 },
      messages: [{ role: "user", content: [soundPart(samples), { type: "text", text: "w5" }] }],
    });
    const said = body.choices?.[0].message.content;
    return { status, said, read: body.usage?.prompt_tokens, message: body.error?.message };
  };
  const low = await ask(tone(200, 20));
  assert.equal(low.status, 200, low.message);
  assert.ok(low.read > SOUND_TOKENS, `${low.read} tokens`);
  const high = await ask(tone(3000, 20));
  assert.notEqual(high.said, low.said);
  const events = await run(service.client, {
    ...{ model: "ears", max_tokens: 8, temperature: 0 },
    messages: [{
      role: "user",
      content: [soundPart(tone(200, 20)), { type: "text", text: "w5" }],
    }],
  });
  assert.equal(textOf(events), low.said);

  const broken = await ask([]);
  assert.equal(broken.status, 400);
  assert.match(broken.message, /messages\.0\.content\.0.*no sound/);
  const deaf = await ask(tone(200, 20), "eyes");
  assert.equal(deaf.status, 400);
  assert.match(deaf.message, /content\.0: audio input is not supported: "eyes" hears nothing/);
}

/** The same sound as a chat, as a form, and as a stream. */
async function transcribed(service: Service): Promise<void> {
  const sound = tone(200, 20);
  const text = "Transcribe audio to text (language: de)";
  const { body } = await post(service, "/v1/chat/completions", {
    ...{ model: "ears", temperature: 0, max_tokens: 30 },
    messages: [{ role: "user", content: [soundPart(sound), { type: "text", text }] }],
  });
  assert.ok(body.choices, JSON.stringify(body));
  const { message: { content } } = body.choices[0];
  assert.notEqual(content, "");
  const ask = (fields: Record<string, string>, file = wav(sound)) =>
    transcribe(service, { model: "ears", language: "de", max_tokens: "30", ...fields }, file);
  const whole = await ask({});
  assert.equal(whole.status, 200, whole.said);
  const { prompt_tokens, completion_tokens, total_tokens } = body.usage;
  const usage = {
    type: "tokens",
    input_tokens: prompt_tokens,
    output_tokens: completion_tokens,
    total_tokens,
  };
  assert.deepEqual(transcription.strict().parse(JSON.parse(whole.said)), { text: content, usage });
  const plain = await ask({ response_format: "text" });
  assert.deepEqual(plain, { status: 200, type: "text/plain; charset=utf-8", said: `${content}\n` });

  const stream = await ask({ stream: "true" });
  assert.equal(stream.type, "text/event-stream; charset=utf-8");
  const events = stream.said.split("\n").flatMap((line) =>
    line.startsWith("data: {")
      ? [transcriptionEvent.parse(JSON.parse(line.slice("data: ".length)))]
      : []
  );
  const deltas = events.slice(0, -1).map((event) =>
    event.type === "transcript.text.delta" ? event.delta : assert.fail(event.type)
  );
  assert.equal(deltas.join(""), content);
  assert.deepEqual(events.at(-1), { type: "transcript.text.done", text: content, usage });

  const mp3 = await post(service, "/v1/chat/completions", {
    ...{ model: "ears", temperature: 0, max_tokens: 30 },
    messages: [{ role: "user", content: [inputAudio(SOUNDS.stereo), { type: "text", text }] }],
  });
  const heard = await ask({}, SOUNDS.stereo);
  assert.equal(heard.status, 200, heard.said);
  assert.equal(JSON.parse(heard.said).text, mp3.body.choices[0].message.content);

  // Longer than bodies without images may be.
  const long = await ask({}, wav(tone(200, 300)));
  assert.equal(long.status, 200, long.said);
  assert.ok(JSON.parse(long.said).usage.input_tokens > 1000, long.said);
  const tooLong = await ask({}, wav(tone(200, 400)));
  assert.equal(tooLong.status, 413, tooLong.said);
  const refusals: [Record<string, string>, Uint8Array<ArrayBuffer>, RegExp][] = [
    [{}, IMAGES.png, /file: is not a WAV or MP3 file/],
    [{}, wav([]), /file: .*no sound/],
    [{}, SOUNDS.mono.subarray(0, 8), /file: is a damaged MP3 file: it has no sound/],
    [{ model: "eyes" }, wav(sound), /file: audio input is not supported: \\"eyes\\" hears nothing/],
    [{ response_format: "srt" }, wav(sound), /response_format: must be json or text: .*no times/],
    [{ "timestamp_granularities[]": "word" }, wav(sound), /timestamp_granularities: is not supp/],
    [{ temperature: "hot" }, wav(sound), /temperature: /],
  ];
  for (const [fields, file, message] of refusals) {
    const { status, said } = await ask(fields, file);
    assert.equal(status, 400, said);
    assert.match(said, message);
  }
}

async function transcribe(
  { orchestratord: { url } }: Service,
  fields: Record<string, string>,
  file: Uint8Array<ArrayBuffer>,
) {
  const body = new FormData();
  for (const [name, value] of Object.entries(fields)) body.set(name, value);
  body.set("file", new Blob([file]), "a.wav");
  const reply = await fetch(`${url}/v1/audio/transcriptions`, { method: "POST", body });
  const type = reply.headers.get("content-type");
  return { status: reply.status, type, said: await reply.text() };
}

async function heardByCommand(service: Service): Promise<void> {
  const file = join(service.dir, "low.wav");
  await Deno.writeFile(file, wav(tone(200, 20)));
  const { body } = await post(service, "/v1/chat/completions", {
    ...{ model: "ears", max_tokens: 8, temperature: 0 },
    messages: [{
      role: "user",
      content: [soundPart(tone(200, 20)), { type: "text", text: "w5" }],
    }],
  });
  const { code, out, err } = await service.llorch(
    ...["orchestrator", "jobs", "submit", "--model=ears", "--chat", "w5", "--max-tokens=8"],
    ...["--temperature=0", "--quiet", "--audio", file],
  );
  assert.equal(code, 0, err);
  assert.equal(out.trim(), body.choices[0].message.content.trim());
}

function soundPart(samples: readonly number[]) {
  return inputAudio(wav(samples));
}

function inputAudio(file: Uint8Array) {
  return { type: "input_audio" as const, input_audio: { data: file.toBase64() } };
}
