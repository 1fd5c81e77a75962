/**
 * The base of an image: Debian's packages, unpacked; their scripts are not run.
 *
 * @module
 */
import { type Entry, folderEntry, textEntry } from "../entries.ts";
import { type Deb, readDeb } from "./deb.ts";
import { paragraphs } from "./index_files.ts";
import type { Pin } from "./pins.ts";

/** A pinned package with its content. */
export interface UnpackedPin {
  readonly pin: Pin;
  readonly deb: Deb;
}

/**
 * Reads a package and checks that it is what its pin says.
 *
 * @throws {Error} if it is another
 */
export async function unpackPin(pin: Pin, bytes: Uint8Array): Promise<UnpackedPin> {
  const deb = await readDeb(bytes);
  const fields = [...paragraphs(deb.control)][0]!;
  const is = `${fields.get("Package")} ${fields.get("Version")}`;
  if (is !== `${pin.name} ${pin.version}`) {
    throw new Error(`Cannot use ${pin.path} as ${pin.name} ${pin.version}: it is ${is}`);
  }
  return { pin, deb };
}

/** What nobody reads in an image: documents but licences, texts in other languages, Debian's own tools. */
const DROPPED = [
  /^usr\/share\/doc\/[^/]+\/(?!copyright$)/,
  /^usr\/share\/(man|info|locale|lintian|menu|doc-base|bug|gdb)(\/|$)/,
  /^usr\/share\/gcc(-\d+)?(\/|$)/,
  /^usr\/(games|local|src)(\/|$)/,
  /^etc\/(update-motd\.d|issue|issue\.net|motd|ld\.so\.conf\.d\/fakeroot.*)(\/|$)/,
  // Converters of character sets, which neither deno nor llama.cpp uses.
  /^usr\/lib\/[^/]+\/gconv(\/|$)/,
];

/** Accounts: root, and the one that programs run as. */
const PASSWD = "root:x:0:0:root:/root:/usr/sbin/nologin\n" +
  "nobody:x:65534:65534:nobody:/var/lib/llorch:/usr/sbin/nologin\n";
const GROUP = "root:x:0:\nnogroup:x:65534:\n";

/**
 * Entries of the base. Scanners find the packages where they look for them in images without dpkg:
 * `/var/lib/dpkg/status.d`.
 */
export function baseEntries(packages: readonly UnpackedPin[]): Entry[] {
  return [
    ...packages.flatMap(({ deb }) => deb.entries).filter(({ path }) => isKept(path)),
    ...packages.map(({ pin, deb }) => textEntry(`var/lib/dpkg/status.d/${pin.name}`, deb.control)),
    textEntry("etc/passwd", PASSWD),
    textEntry("etc/group", GROUP),
    textEntry("etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n"),
    folderEntry("tmp", 0o1777),
  ];
}

/** Whether an image keeps a file of a package. */
export function isKept(path: string): boolean {
  return !DROPPED.some((pattern) => pattern.test(path));
}

/** Licence texts of packages, by name. Some have them as a link into another package's folder. */
export function copyrightOf(name: string, packages: readonly UnpackedPin[]): string | undefined {
  const entries = new Map(
    packages.flatMap(({ deb }) => deb.entries.map((each) => [each.path, each])),
  );
  const folder = `usr/share/doc/${name}`;
  const link = entries.get(folder);
  const path = link?.kind === "link" ? `usr/share/doc/${link.to}` : folder;
  const file = entries.get(`${path}/copyright`);
  return file?.kind === "file" ? new TextDecoder().decode(file.content as Uint8Array) : undefined;
}
