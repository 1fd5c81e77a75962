import * as module from "xz-decompress";

// The package is CommonJS, which its types do not say.
const { XzReadableStream } = (module as unknown as { default: typeof module }).default;

/** Unpacks `.xz`. */
export async function unxz(packed: Uint8Array): Promise<Uint8Array> {
  const stream = new XzReadableStream(new Blob([packed as Uint8Array<ArrayBuffer>]).stream());
  return await new Response(stream as ReadableStream<Uint8Array<ArrayBuffer>>).bytes();
}
