/**
 * Reads the headers of native programs and libraries: their platform, and the libraries that they
 * need of a host.
 *
 * @module
 */
import type { Target } from "./targets.ts";

/** A platform with npm's names. */
export type Platform = Pick<Target, "os" | "arch">;

/** Libraries of the host by file name, each with the highest version of each kind: `GLIBC_2.34`. */
export type Needs = Readonly<Record<string, readonly string[]>>;

const ELF_MACHINES: Readonly<Record<number, Target["arch"]>> = { 0x3e: "x64", 0xb7: "arm64" };
const MACH_O_CPUS: Readonly<Record<number, Target["arch"]>> = {
  0x01000007: "x64",
  0x0100000c: "arm64",
};
const PE_MACHINES: Readonly<Record<number, Target["arch"]>> = { 0x8664: "x64", 0xaa64: "arm64" };

/** The platform in a file's header; undefined for other platforms and other files. */
export async function platformOf(file: string): Promise<Platform | undefined> {
  using opened = await Deno.open(file);
  const head = await readAt(opened, 0, 4096);
  if (head.byteLength < 64) return undefined;
  const is = (os: Target["os"], arch: Target["arch"] | undefined) => arch && { os, arch };
  switch (head.getUint32(0)) {
    case 0x7f454c46:
      return is("linux", ELF_MACHINES[head.getUint16(18, true)]);
    case 0xcffaedfe:
      return is("darwin", MACH_O_CPUS[head.getUint32(4, true)]);
  }
  const at = head.getUint32(0x3c, true);
  if (head.getUint16(0) !== 0x4d5a || at + 6 > head.byteLength) return undefined;
  if (head.getUint32(at) !== 0x50450000) return undefined;
  return is("win32", PE_MACHINES[head.getUint16(at + 4, true)]);
}

/**
 * Libraries that ELF files need besides these files; empty for files of other kinds.
 *
 * @param files Paths; libraries with the file name of one of these are not listed.
 */
export async function needsOf(files: readonly string[]): Promise<Needs> {
  const own = new Set(files.map((file) => file.split("/").at(-1)!));
  const needs: Record<string, string[]> = {};
  for (const file of files) {
    for (const [library, versions] of await elfNeeds(file)) {
      if (!own.has(library)) needs[library] = highest([...needs[library] ?? [], ...versions]);
    }
  }
  return Object.fromEntries(Object.entries(needs).sort(([a], [b]) => a < b ? -1 : 1));
}

/** The highest version of each kind (`GLIBC`, `GLIBCXX`, …), without private ones. */
export function highest(versions: readonly string[]): string[] {
  const best = new Map<string, string>();
  for (const version of versions) {
    const [, kind] = /^(\w+)_\d+(?:\.\d+)*$/.exec(version) ?? [];
    if (kind === undefined) continue;
    const known = best.get(kind);
    if (known === undefined || compareVersions(version, known) > 0) best.set(kind, version);
  }
  return [...best.values()].sort();
}

/** Orders versions of one kind by their numbers. */
export function compareVersions(a: string, b: string): number {
  const numbers = (version: string) => version.split("_").at(-1)!.split(".").map(Number);
  const [ours, theirs] = [numbers(a), numbers(b)];
  for (let i = 0; i < Math.max(ours.length, theirs.length); i++) {
    const difference = (ours[i] ?? 0) - (theirs[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

const SHT_DYNAMIC = 6;
const SHT_GNU_VERNEED = 0x6ffffffe;
const DT_NEEDED = 1;

/** The libraries that a 64-bit ELF file needs, each with the required versions. */
async function elfNeeds(file: string): Promise<Map<string, string[]>> {
  const needs = new Map<string, string[]>();
  if ((await platformOf(file))?.os !== "linux") return needs;
  using opened = await Deno.open(file);
  const head = await readAt(opened, 0, 64);
  const [size, count] = [head.getUint16(58, true), head.getUint16(60, true)];
  const table = await readAt(opened, Number(head.getBigUint64(40, true)), size * count);
  const section = (index: number) => {
    const at = index * size;
    const [start, length] = [at + 24, at + 32].map((each) =>
      Number(table.getBigUint64(each, true))
    );
    return {
      type: table.getUint32(at + 4, true),
      link: table.getUint32(at + 40, true),
      read: () => readAt(opened, start!, length!),
    };
  };
  for (let index = 0; index < count; index++) {
    const { type, link, read } = section(index);
    if (type !== SHT_DYNAMIC && type !== SHT_GNU_VERNEED) continue;
    const [view, strings] = [await read(), await section(link).read()];
    if (type === SHT_DYNAMIC) {
      for (let at = 0; at + 16 <= view.byteLength; at += 16) {
        if (view.getBigUint64(at, true) !== BigInt(DT_NEEDED)) continue;
        const name = textAt(strings, Number(view.getBigUint64(at + 8, true)));
        needs.set(name, needs.get(name) ?? []);
      }
      continue;
    }
    let at = 0;
    for (let next = -1; next !== 0; at += next) {
      const library = textAt(strings, view.getUint32(at + 4, true));
      const versions = needs.get(library) ?? [];
      let entry = at + view.getUint32(at + 8, true);
      for (let left = view.getUint16(at + 2, true); left > 0; left--) {
        versions.push(textAt(strings, view.getUint32(entry + 8, true)));
        entry += view.getUint32(entry + 12, true);
      }
      needs.set(library, versions);
      next = view.getUint32(at + 12, true);
    }
  }
  return needs;
}

/** Reads at most this many bytes of a file. */
async function readAt(file: Deno.FsFile, offset: number, length: number): Promise<DataView> {
  const bytes = new Uint8Array(length);
  await file.seek(offset, Deno.SeekMode.Start);
  let filled = 0;
  while (filled < length) {
    const read = await file.read(bytes.subarray(filled));
    if (read === null) break;
    filled += read;
  }
  return new DataView(bytes.buffer, 0, filled);
}

function textAt(strings: DataView, offset: number): string {
  let end = offset;
  while (strings.getUint8(end) !== 0) end++;
  return new TextDecoder().decode(
    new Uint8Array(strings.buffer, strings.byteOffset + offset, end - offset),
  );
}
