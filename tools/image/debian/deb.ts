/**
 * Reads a Debian package: an `ar` archive of two tar archives, what is installed and facts about it.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { gunzipSync } from "node:zlib";
import { Parser } from "tar";
import type { Entry } from "../entries.ts";
import { unxz } from "./unxz.ts";

/** A package's content. */
export interface Deb {
  /** Text of its control file. */
  readonly control: string;
  /** What it installs. */
  readonly entries: readonly Entry[];
}

/**
 * Reads a package.
 *
 * @throws {Error} if this is none, or is packed in an unknown way
 */
export async function readDeb(bytes: Uint8Array): Promise<Deb> {
  const members = [...arMembers(bytes)];
  const member = async (name: string) => {
    const found = members.find((each) => each.name.startsWith(`${name}.tar`));
    if (!found) throw new Error(`Cannot read a Debian package: it has no ${name}.tar`);
    return readTar(await unpack(found.name, found.bytes));
  };
  const control = (await member("control")).find(({ path }) => path === "control");
  if (control?.kind !== "file") throw new Error("Cannot read a Debian package: it has no control");
  return {
    control: new TextDecoder().decode(control.content as Uint8Array),
    entries: await member("data"),
  };
}

const AR_MAGIC = "!<arch>\n";
const AR_HEADER_BYTES = 60;

function* arMembers(bytes: Uint8Array): Generator<{ name: string; bytes: Uint8Array }> {
  const text = (from: number, to: number) => new TextDecoder().decode(bytes.subarray(from, to));
  if (text(0, AR_MAGIC.length) !== AR_MAGIC) throw new Error("Cannot read a Debian package: no ar");
  for (let at = AR_MAGIC.length; at + AR_HEADER_BYTES <= bytes.length;) {
    const name = text(at, at + 16).trim().replace(/\/$/, "");
    const size = Number(text(at + 48, at + 58));
    const begin = at + AR_HEADER_BYTES;
    yield { name, bytes: bytes.subarray(begin, begin + size) };
    // Members begin at even places.
    at = begin + size + size % 2;
  }
}

async function unpack(name: string, bytes: Uint8Array): Promise<Uint8Array> {
  if (name.endsWith(".xz")) return await unxz(bytes);
  if (name.endsWith(".gz")) return gunzipSync(bytes);
  if (name.endsWith(".tar")) return bytes;
  throw new Error(`Cannot read a Debian package: ${name} is neither .tar nor .tar.gz nor .tar.xz`);
}

/**
 * Entries of a tar archive. Hard links become copies.
 *
 * @throws {Error} for a device or another special file
 */
export async function readTar(bytes: Uint8Array): Promise<Entry[]> {
  const entries: Entry[] = [];
  const parser = new Parser({
    strict: true,
    onReadEntry(entry) {
      const chunks: Buffer[] = [];
      entry.on("data", (chunk: Buffer) => chunks.push(chunk));
      entry.on("end", () => {
        const made = toEntry(entry, Buffer.concat(chunks), entries);
        if (made) entries.push(made);
      });
    },
  });
  const ended = Promise.withResolvers<void>();
  parser.on("end", ended.resolve);
  parser.on("error", ended.reject);
  parser.end(Buffer.from(bytes));
  await ended.promise;
  return entries;
}

function toEntry(
  header: { path: string; type: string; mode?: number; uid?: number; linkpath?: string },
  content: Uint8Array,
  before: readonly Entry[],
): Entry | undefined {
  const path = clean(header.path);
  if (path === "") return undefined;
  const common = { path, mode: (header.mode ?? 0) & 0o7777, owner: header.uid ?? 0 };
  switch (header.type) {
    case "Directory":
      return { ...common, kind: "folder" };
    case "File":
    case "OldFile":
      return { ...common, kind: "file", content };
    case "SymbolicLink":
      return { ...common, kind: "link", to: header.linkpath ?? "" };
    case "Link": {
      const original = before.find((each) => each.path === clean(header.linkpath ?? ""));
      if (original?.kind === "file") return { ...original, path };
    }
  }
  throw new Error(`Cannot put ${path} into an image: it is a ${header.type}`);
}

function clean(path: string): string {
  return path.replace(/^\.?\/+/, "").replace(/\/+$/, "").replace(/^\.$/, "");
}
