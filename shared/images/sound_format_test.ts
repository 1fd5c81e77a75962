import assert from "node:assert/strict";
import { SOUNDS, tone, wav } from "../../tests/support/sounds.ts";
import { IMAGES } from "../../tests/support/images.ts";
import { soundFormat } from "./sound_format.ts";

const ascii = (text: string) => Uint8Array.from(text, (char) => char.charCodeAt(0));

Deno.test("WAV and MP3 are known by their first bytes", () => {
  assert.equal(soundFormat(wav(tone(440, 0.01))), "wav");
  for (const file of Object.values(SOUNDS)) assert.equal(soundFormat(file), "mp3");
  assert.equal(soundFormat(ascii("ID3\x04\0")), "mp3");
});

Deno.test("what is neither is no sound", () => {
  const others = [
    ...["", "ID", "RIFF", "RIFF\0\0\0\0WEBP", "fLaC", "OggS", "\0\0\0\x18ftypM4A "].map(ascii),
    // Frames of AAC, of layer II, with an unknown version, bit rate and rate.
    ...[[0xff, 0xf1, 0x50], [0xff, 0xfd, 0x50], [0xff, 0xeb, 0x50], [0xff, 0xfb, 0xf0]],
    ...[[0xff, 0xfb, 0x5c], [0xff, 0xfb].slice(0, 1)],
    ...Object.values(IMAGES),
  ];
  for (const file of others) assert.equal(soundFormat(Uint8Array.from(file)), undefined);
});
