/**
 * A copy of a file that is cut or has other bytes.
 *
 * @param keep Bytes at the beginning that stay, such as what tells the format.
 */
export function brokenCopy(
  file: Uint8Array,
  random: () => number,
  keep: number,
): Uint8Array<ArrayBuffer> {
  const copy = Uint8Array.from(file);
  const cut = random() < 0.3 ? copy.subarray(0, Math.floor(random() * copy.length)) : copy;
  for (let changes = 0; changes < 4 && cut.length > keep; changes++) {
    cut[keep + Math.floor(random() * (cut.length - keep))] = Math.floor(random() * 256);
  }
  return cut;
}
