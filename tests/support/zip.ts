/** The end of a ZIP file's directory, and an entry of the directory. */
const [END, ENTRY] = [0x06054b50, 0x02014b50];

/**
 * Reads one file of a ZIP archive.
 *
 * @throws if the archive has no such entry, or stores it in a way other than plain or deflated
 */
export async function readZipEntry(
  zip: Uint8Array<ArrayBuffer>,
  name: string,
): Promise<Uint8Array<ArrayBuffer>> {
  const view = new DataView(zip.buffer, zip.byteOffset, zip.byteLength);
  const u16 = (at: number) => view.getUint16(at, true);
  const u32 = (at: number) => view.getUint32(at, true);
  let end = zip.length - 22;
  while (end >= 0 && u32(end) !== END) end--;
  if (end < 0) throw new Error("This is no ZIP archive");
  for (let at = u32(end + 16); at < end && u32(at) === ENTRY;) {
    const nameLength = u16(at + 28);
    const found = new TextDecoder().decode(zip.subarray(at + 46, at + 46 + nameLength));
    if (found === name) {
      const [method, size, local] = [u16(at + 10), u32(at + 20), u32(at + 42)];
      const start = local + 30 + u16(local + 26) + u16(local + 28);
      return await unpack(zip.subarray(start, start + size), method);
    }
    at += 46 + nameLength + u16(at + 30) + u16(at + 32);
  }
  throw new Error(`The archive has no ${name}`);
}

async function unpack(
  data: Uint8Array<ArrayBuffer>,
  method: number,
): Promise<Uint8Array<ArrayBuffer>> {
  if (method === 0) return data;
  if (method !== 8) throw new Error(`The entry is packed by the unknown method ${method}`);
  const plain = new Blob([data]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  return new Uint8Array(await new Response(plain).arrayBuffer());
}
