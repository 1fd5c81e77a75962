import { Buffer } from "node:buffer";
import { basename, join } from "node:path";
import type { Commit } from "../build/source.ts";
import type { Target } from "../build/targets.ts";
import type { Component } from "../release/components.ts";
import { writeSbom } from "../release/sbom.ts";
import { ROOT } from "../repo.ts";
import type { BaseImage } from "./base_image.ts";
import { copyrightOf } from "./debian/base.ts";
import { INIT, type Packages } from "./debian/packages.ts";
import { copyEntry, type Entry, textEntry } from "./entries.ts";
import type { ImageSpec } from "./plan.ts";

/** Folder of the documents. */
const DOCUMENTS = "usr/share/doc/llorch";

/** Of what the documents are made. */
interface DocumentOptions {
  readonly target: Target;
  readonly packages: Packages;
  readonly base: BaseImage;
  readonly commit: Commit;
  /** A temporary folder. */
  readonly work: string;
}

/** The licences, and the bill of materials, which names Debian's packages, too. */
export async function documentEntries(
  spec: ImageSpec,
  { target, packages, base, commit, work }: DocumentOptions,
): Promise<Entry[]> {
  const backends = spec.artifacts.flatMap(({ backend }) => backend ?? []);
  const properties = base.digest === undefined ? {} : { "llorch:base": base.digest };
  const components = debianComponents(packages, base);
  const out = join(work, `${spec.folder}.documents`);
  const { sbom, licences } = await writeSbom(target, backends, commit, out, {
    ...{ components, properties },
  });
  const init = packages.unpacked.find(({ pin }) => pin.name === INIT)!;
  return [
    copyEntry(`${DOCUMENTS}/LICENSE`, join(ROOT, "LICENSE"), 0o644),
    ...[sbom, licences].map((file) => copyEntry(`${DOCUMENTS}/${basename(file)}`, file, 0o644)),
    textEntry(`var/lib/dpkg/status.d/${INIT}`, init.deb.control),
  ];
}

/** The packages that an image has; those of another base are not known. */
function debianComponents({ unpacked }: Packages, base: BaseImage): Component[] {
  return unpacked
    .filter(({ pin }) => base.digest === undefined || pin.name === INIT)
    .map(({ pin }) => ({
      name: pin.name,
      version: pin.version,
      purl: `pkg:deb/debian/${encodeURIComponent(pin.name)}@${encodeURIComponent(pin.version)}` +
        `?arch=${pin.architecture}`,
      integrity: `sha256-${Buffer.from(pin.sha256, "hex").toString("base64")}`,
      licence: undefined,
      licenceText: copyrightOf(pin.name, unpacked) ?? "",
    }));
}
