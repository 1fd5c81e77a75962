/**
 * `deno task image-base [--mirror URL]`: pins the newest Debian packages of the images' base. Debian's
 * signature is checked, with gpgv and Debian's keys.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { errorMessage, LlorchError } from "#shared/errors.ts";
import { runMain, UsageError } from "#shared/lifecycle.ts";
import { output } from "../../build/process.ts";
import { unxz } from "./unxz.ts";
import { newer } from "./versions.ts";
import { dependenciesOf, hashesOfRelease, type Paragraph, paragraphs } from "./index_files.ts";
import { download, findMirror, type Mirror } from "./mirror.ts";
import { ARCHITECTURES, type Pin, type Pins, PINS_FILE } from "./pins.ts";
import { LEFT_OUT, RELEASE, SUITES, WANTED } from "./wanted.ts";

const KEYS = "/usr/share/keyrings/debian-archive-keyring.gpg";

/** A package in an index, with the archive that has it. */
interface Candidate {
  readonly archive: string;
  readonly fields: Paragraph;
}

async function update(mirror: Mirror, say: (line: string) => void): Promise<Pins> {
  if (mirror.kind === "folder") {
    throw new UsageError("Cannot read an index in a folder: name a URL");
  }
  const names = new Set(WANTED.map(({ name }) => name));
  const candidates: Candidate[] = [];
  let published = "";
  for (const { archive, suite } of SUITES) {
    const base = `${mirror.urlOf(archive)}/dists/${suite}`;
    say(`reading ${base}`);
    const release = await readRelease(base);
    const date = new Date(release.get("Date") ?? "").toISOString();
    if (date > published) published = date;
    for (const architecture of Object.values(ARCHITECTURES)) {
      for (const fields of await readIndex(base, release, architecture)) {
        if (names.has(fields.get("Package")!)) candidates.push({ archive, fields });
      }
    }
  }
  return { release: RELEASE, published, packages: choose(candidates) };
}

/**
 * The newest version of each wanted package, by architecture.
 *
 * @throws {LlorchError} if one is missing, or depends on a package of which nothing is known
 */
export function choose(candidates: readonly Candidate[]): Pin[] {
  return Object.values(ARCHITECTURES).flatMap((architecture) =>
    WANTED.map(({ name }) => {
      const newest = candidates
        .filter(({ fields }) =>
          fields.get("Package") === name &&
          [architecture, "all"].includes(fields.get("Architecture")!)
        )
        .reduce<Candidate | undefined>(
          (best, each) =>
            best && !newer(each.fields.get("Version")!, best.fields.get("Version")!) ? best : each,
          undefined,
        );
      if (!newest) {
        throw new LlorchError("NOT_FOUND", `Cannot find ${name} for ${architecture} in the mirror`);
      }
      checkDependencies(name, newest.fields);
      const { fields, archive } = newest;
      return {
        ...{ name, architecture, archive },
        version: fields.get("Version")!,
        path: fields.get("Filename")!,
        size: Number(fields.get("Size")),
        sha256: fields.get("SHA256")!,
      };
    })
  );
}

function checkDependencies(name: string, fields: Paragraph): void {
  const isKnown = (each: string) =>
    each in LEFT_OUT || WANTED.some((wanted) => wanted.name === each);
  const unknown = dependenciesOf(fields).find((alternatives) => !alternatives.some(isKnown));
  if (unknown === undefined) return;
  throw new LlorchError(
    "CONFLICT",
    `Cannot pin ${name}: it depends on ${unknown.join(" or ")}; add it in ` +
      "tools/image/debian/wanted.ts, or say there why it is left out",
  );
}

/** Reads a suite's Release file and checks Debian's signature. */
async function readRelease(base: string): Promise<Paragraph> {
  const folder = await Deno.makeTempDir({ prefix: "llorch-image-base-" });
  try {
    const [signed, plain] = [join(folder, "InRelease"), join(folder, "Release")];
    await Deno.writeFile(signed, await download(`${base}/InRelease`));
    await output("gpgv", [`--keyring=${KEYS}`, `--output=${plain}`, signed]).catch((error) => {
      throw new LlorchError(
        "CONFLICT",
        `Cannot trust ${base}/InRelease: ${errorMessage(error)}; this needs gpgv and ` +
          "debian-archive-keyring",
      );
    });
    return [...paragraphs(await Deno.readTextFile(plain))][0]!;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Reads the list of a suite's packages and checks its hash. */
async function readIndex(base: string, release: Paragraph, architecture: string) {
  const path = `main/binary-${architecture}/Packages.xz`;
  const wanted = hashesOfRelease(release).get(path);
  const packed = await download(`${base}/${path}`);
  const sha256 = createHash("sha256").update(packed).digest("hex");
  if (sha256 !== wanted) {
    throw new LlorchError(
      "CONFLICT",
      `Cannot use ${base}/${path}: its SHA-256 is ${sha256}, and the Release file says ${wanted}; ` +
        "try again, as the mirror may just be changing",
    );
  }
  return paragraphs(new TextDecoder().decode(await unxz(packed)));
}

if (import.meta.main) {
  Deno.exit(
    await runMain("image-base", async () => {
      const { values } = parseArgs({ args: Deno.args, options: { mirror: { type: "string" } } });
      const pins = await update(await findMirror(values.mirror), (line) => console.error(line));
      await Deno.writeTextFile(PINS_FILE, JSON.stringify(pins, null, 2) + "\n");
      for (const { name, version, architecture } of pins.packages) {
        console.error(`${name} ${version} ${architecture}`);
      }
      return 0;
    }),
  );
}
