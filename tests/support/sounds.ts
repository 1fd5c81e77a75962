/** A WAV file of 16 bits; its samples go from -1 to 1, one of each channel after the other. */
export function wav(
  samples: readonly number[],
  { rate = 16_000, channels = 1 }: { readonly rate?: number; readonly channels?: number } = {},
): Uint8Array<ArrayBuffer> {
  const file = new Uint8Array(44 + 2 * samples.length);
  const view = new DataView(file.buffer);
  const text = (at: number, value: string) =>
    [...value].forEach((char, index) => file[at + index] = char.charCodeAt(0));
  text(0, "RIFF");
  view.setUint32(4, file.length - 8, true);
  text(8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true);
  view.setUint16(22, channels, true);
  view.setUint32(24, rate, true);
  view.setUint32(28, 2 * rate * channels, true);
  view.setUint16(32, 2 * channels, true);
  view.setUint16(34, 16, true);
  text(36, "data");
  view.setUint32(40, 2 * samples.length, true);
  samples.forEach((value, index) =>
    view.setInt16(44 + 2 * index, Math.round(32_767 * value), true)
  );
  return file;
}

/** A tone. */
export function tone(
  hertz: number,
  seconds: number,
  { rate = 16_000 }: { readonly rate?: number } = {},
): number[] {
  return Array.from(
    { length: Math.round(seconds * rate) },
    (_, at) => 0.5 * Math.sin(2 * Math.PI * hertz * at / rate),
  );
}
