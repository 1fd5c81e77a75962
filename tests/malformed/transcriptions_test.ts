import assert from "node:assert/strict";
import { join } from "node:path";
import { whyNoMedia } from "../../daemons/worker/testing/media.ts";
import { writeEars } from "../support/audio_model.ts";
import { brokenCopy } from "../support/broken_images.ts";
import { IMAGES } from "../support/images.ts";
import { seededRandom } from "../support/random.ts";
import { withService } from "../support/service.ts";
import { SOUNDS, tone, wav } from "../support/sounds.ts";
import { writeSeeingModel } from "../support/vision_model.ts";

/** Number of forms; `deno task test:pictures` sends 1 000. */
const RUNS = Math.ceil(Number(Deno.env.get("LLORCH_PICTURE_RUNS") ?? 150) / 2);
/** Forms that are sent at the same time. */
const PARALLEL = 4;
/** Forms of a step. */
const STEP = 100;

const BOUNDARY = "----between-parts";
const encoder = new TextEncoder();

/** A part of a form, as its headers and its content. */
interface Part {
  readonly headers: string;
  readonly content: string | Uint8Array;
}

/** A form as it is sent. */
interface Form {
  readonly type: string | undefined;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

const field = (name: string, content: string): Part => ({
  headers: `Content-Disposition: form-data; name="${name}"`,
  content,
});

const fileOf = (content: Uint8Array | string, name = "file", filename = "a.wav"): Part => ({
  headers: `Content-Disposition: form-data; name="${name}"; filename="${filename}"\r\n` +
    "Content-Type: application/octet-stream",
  content,
});

function formOf(parts: readonly Part[], boundary = BOUNDARY): Uint8Array<ArrayBuffer> {
  const pieces = parts.flatMap(({ headers, content }) => [
    encoder.encode(`--${boundary}\r\n${headers}\r\n\r\n`),
    typeof content === "string" ? encoder.encode(content) : content,
    encoder.encode("\r\n"),
  ]);
  pieces.push(encoder.encode(`--${boundary}--\r\n`));
  return Uint8Array.from(pieces.flatMap((piece) => [...piece]));
}

const TYPE = `multipart/form-data; boundary=${BOUNDARY}`;
const SOUND = wav(tone(440, 0.1));
const WHOLE: readonly Part[] = [
  field("model", "ears"),
  field("max_tokens", "2"),
  field("language", "de"),
  field("temperature", "0"),
  fileOf(SOUND),
];

/** Values that no field of the form has, and some that one may have. */
const VALUES = [
  ...["", " ", "hot", "-1", "NaN", "1e999", "99999999999999999999", "0x10", "null", "[]", "{}"],
  ...["true", "a".repeat(9000), "a".repeat(40_000), "\0", "ü".repeat(70), "__proto__", "srt"],
];
const NAMES = [
  ...["model", "max_tokens", "language", "temperature", "response_format", "stream", "prompt"],
  ...["include[]", "chunking_strategy", "__proto__", "constructor", "file[]", "", "a".repeat(5000)],
];

/** How forms are broken: each makes one from random numbers. */
function kinds(random: () => number): readonly (() => Form)[] {
  const upTo = (most: number) => Math.floor(random() * most);
  const any = <T>(list: readonly T[]) => list[upTo(list.length)]!;
  const whole = formOf(WHOLE);
  const plain = (parts: readonly Part[]): Form => ({ type: TYPE, bytes: formOf(parts) });
  const sounds = [SOUND, ...Object.values(SOUNDS)];
  return [
    // Cut, or with other bytes.
    () => ({ type: TYPE, bytes: brokenCopy(whole, random, 0) }),
    () => ({ type: TYPE, bytes: whole.slice(0, upTo(whole.length)) }),
    // A whole form about a broken sound.
    () => plain([...WHOLE.slice(0, -1), fileOf(brokenCopy(any(sounds), random, upTo(2) * 12))]),
    () => plain([...WHOLE.slice(0, -1), fileOf(any(Object.values(IMAGES)))]),
    // Fields twice, the file twice, more parts than a form may have.
    () => plain([...WHOLE, any(WHOLE)]),
    () => plain(Array.from({ length: upTo(60) }, () => any(WHOLE))),
    // Wrong values, and fields that are not known.
    () => plain([field(any(NAMES), any(VALUES)), ...WHOLE]),
    () => plain([...WHOLE.filter(() => random() < 0.7), field(any(NAMES), any(VALUES))]),
    // Files where text belongs, and text where the file belongs.
    () => plain([...WHOLE.slice(1), fileOf("ears", any(NAMES))]),
    () => plain([...WHOLE.slice(0, -1), field("file", any(VALUES))]),
    // Names of files that are huge, paths, or none.
    () => plain([...WHOLE.slice(0, -1), fileOf(SOUND, "file", "a".repeat(upTo(20_000)))]),
    () =>
      plain([...WHOLE.slice(0, -1), fileOf(SOUND, "file", any(["../../x", "\0", '\\"', "%00"]))]),
    () => plain([...WHOLE.slice(0, -1), { headers: "Content-Type: audio/wav", content: SOUND }]),
    () => plain([...WHOLE, { headers: `X: ${"y".repeat(upTo(20_000))}`, content: "" }]),
    // Boundaries that are missing, wrong, empty or too long, and other types of body.
    () => ({
      type: any([
        ...["multipart/form-data", "multipart/form-data; boundary=", "text/plain", undefined],
        ...[`${TYPE}x`, `multipart/form-data; boundary="${"b".repeat(200)}"`, "application/json"],
        ...["multipart/mixed; boundary=a", 'multipart/form-data; boundary="'],
      ]),
      bytes: whole,
    }),
    () => ({ type: TYPE, bytes: new Uint8Array(upTo(2000)).map(() => upTo(256)) }),
  ];
}

const reason = whyNoMedia();

Deno.test({
  name: `broken forms of a transcription are refused, and end no worker${
    reason === undefined ? "" : ` (skipped: ${reason})`
  }`,
  ignore: reason !== undefined,
  async fn(t) {
    const models = await Deno.makeTempDir({ prefix: "llorch-ears-" });
    try {
      writeSeeingModel(join(models, "ears.gguf"));
      writeEars(join(models, "ears.mmproj.gguf"));
      await withService(models, async (service) => {
        const send = async ({ type, bytes }: Form) => {
          const reply = await fetch(`${service.orchestratord.url}/v1/audio/transcriptions`, {
            method: "POST",
            headers: type === undefined ? {} : { "content-type": type },
            body: bytes,
          });
          return { status: reply.status, text: await reply.text() };
        };
        const whole = await send({ type: TYPE, bytes: formOf(WHOLE) });
        assert.equal(whole.status, 200, whole.text);
        const pids = async () => (await service.workers()).map(({ pid }) => pid);
        const before = await pids();
        assert.equal(before.length, 1);
        const random = seededRandom(22);
        const all = kinds(random);
        const forms = Array.from({ length: RUNS }, (_, index) => all[index % all.length]!());
        let [refused, next] = [0, 0];
        const some = async (end: number) => {
          for (let at = next++; at < end; at = next++) {
            const { status, text } = await send(forms[at]!);
            const kind = at % all.length;
            assert.ok(
              status === 200 || status >= 400 && status < 500,
              `${kind}: ${status} ${text}`,
            );
            if (status !== 200) {
              refused++;
              assert.notEqual(JSON.parse(text).error.message, "", text);
            }
          }
        };
        while (next < RUNS) {
          const [from, end] = [next, Math.min(RUNS, next + STEP)];
          await t.step(`from ${from} to ${end}`, async () => {
            await Promise.all(Array.from({ length: PARALLEL }, () => some(end)));
            next = end;
          });
        }
        assert.ok(refused > RUNS / 2, `${refused} were refused`);
        assert.deepEqual(await send({ type: TYPE, bytes: formOf(WHOLE) }), whole);
        assert.deepEqual(await pids(), before);
      }, { poolManagerd: "worker.threads = 1" });
    } finally {
      await Deno.remove(models, { recursive: true });
    }
  },
});

Deno.test({
  name: `a form names the field that is wrong${
    reason === undefined ? "" : ` (skipped: ${reason})`
  }`,
  ignore: reason !== undefined,
  async fn() {
    const models = await Deno.makeTempDir({ prefix: "llorch-ears-" });
    try {
      await withService(models, async ({ orchestratord: { url } }) => {
        const cases: readonly (readonly [readonly Part[], RegExp])[] = [
          [[...WHOLE, field("language", "en")], /language: must be given once/],
          [[...WHOLE, fileOf(SOUND)], /file: must be one file/],
          [WHOLE.slice(0, -1), /file: is missing/],
          [[...WHOLE.slice(1), fileOf("ears", "model")], /model: must be text, not a file/],
          [
            [...WHOLE, field("prompt", "a".repeat(40_000))],
            /prompt: must have at most 32768 bytes/,
          ],
          [[...WHOLE, { headers: "X: y", content: "" }], /has a part without a name/],
        ];
        for (const [parts, message] of cases) {
          const reply = await fetch(`${url}/v1/audio/transcriptions`, {
            method: "POST",
            headers: { "content-type": TYPE },
            body: formOf(parts),
          });
          const text = await reply.text();
          assert.equal(reply.status, 400, text);
          assert.match(text, message);
        }
      });
    } finally {
      await Deno.remove(models, { recursive: true });
    }
  },
});
