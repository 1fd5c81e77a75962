import { Buffer } from "node:buffer";
import { createReadStream } from "node:fs";
import { Header, Pax } from "tar";
import type { Entry } from "./entries.ts";

const BLOCK = 512;

/** The same time for everything, so that a layer depends on its content alone. */
const TIME = new Date(0);

/** A tar archive of entries, in their order. */
export async function* tarOf(entries: readonly Entry[]): AsyncGenerator<Buffer> {
  for (const entry of entries) {
    const size = await sizeOf(entry);
    yield* header(entry, size);
    if (entry.kind !== "file") continue;
    let written = 0;
    for await (const chunk of contentOf(entry.content)) {
      written += chunk.length;
      yield chunk;
    }
    if (written !== size) throw new Error(`${entry.path} changed while it was read`);
    yield Buffer.alloc((BLOCK - size % BLOCK) % BLOCK);
  }
  // An archive ends with two empty blocks.
  yield Buffer.alloc(2 * BLOCK);
}

function* header(entry: Entry, size: number): Generator<Buffer> {
  const facts = {
    path: entry.kind === "folder" ? `${entry.path}/` : entry.path,
    mode: entry.mode,
    uid: entry.owner ?? 0,
    gid: entry.owner ?? 0,
    size,
    mtime: TIME,
    type: TYPES[entry.kind],
    ...linkOf(entry),
  };
  const made = new Header(facts);
  made.encode();
  // A long path, or one with letters outside ASCII, stands in a header of its own.
  if (made.needPax) yield new Pax({ path: facts.path, ...linkOf(entry), mtime: TIME }).encode();
  yield made.block!;
}

function linkOf(entry: Entry): { linkpath?: string } {
  return entry.kind === "link" ? { linkpath: entry.to } : {};
}

const TYPES = { file: "File", folder: "Directory", link: "SymbolicLink" } as const;

async function sizeOf(entry: Entry): Promise<number> {
  if (entry.kind !== "file") return 0;
  if (entry.content instanceof Uint8Array) return entry.content.length;
  return (await Deno.stat(entry.content.copyOf)).size;
}

async function* contentOf(
  content: Uint8Array | { readonly copyOf: string },
): AsyncGenerator<Buffer> {
  if (content instanceof Uint8Array) yield Buffer.from(content);
  else for await (const chunk of createReadStream(content.copyOf)) yield chunk;
}
