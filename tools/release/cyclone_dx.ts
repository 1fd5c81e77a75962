import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { ComponentType, HashAlgorithm } from "@cyclonedx/cyclonedx-library/Enums";
import * as Models from "@cyclonedx/cyclonedx-library/Models";
import { JSON as Json, JsonSerializer } from "@cyclonedx/cyclonedx-library/Serialize";
import { Spec1dot6 } from "@cyclonedx/cyclonedx-library/Spec";
import { DENO_VERSION, VERSION } from "#shared/version.ts";
import type { Commit } from "../build/source.ts";
import type { Target } from "../build/targets.ts";
import type { Component } from "./components.ts";

/**
 * The components as CycloneDX 1.6: JSON in which the same content is the same text.
 *
 * @param more Properties of the whole, by name.
 */
export function cycloneDx(
  components: readonly Component[],
  target: Target,
  { commit, epoch }: Commit,
  more: Readonly<Record<string, string>> = {},
): string {
  const libraries = components.map(toLibrary);
  const application = new Models.Component(ComponentType.Application, "llorch", {
    bomRef: "llorch",
    version: VERSION,
    licenses: new Models.LicenseRepository([new Models.SpdxLicense("Apache-2.0")]),
    properties: new Models.PropertyRepository([
      new Models.Property("llorch:commit", commit),
      new Models.Property("llorch:target", target.triple),
      new Models.Property("llorch:deno", DENO_VERSION),
      ...Object.entries(more).map(([name, value]) => new Models.Property(name, value)),
    ]),
    dependencies: new Models.BomRefRepository(libraries.map(({ bomRef }) => bomRef)),
  });
  const bom = new Models.Bom({
    metadata: new Models.Metadata({ timestamp: new Date(epoch * 1000), component: application }),
    components: new Models.ComponentRepository(libraries),
  });
  bom.serialNumber = serialNumberOf(write(bom));
  return write(bom) + "\n";
}

function write(bom: Models.Bom): string {
  const serializer = new JsonSerializer(new Json.Normalize.Factory(Spec1dot6));
  return serializer.serialize(bom, { space: 2 });
}

/** A UUID that is derived from the content. */
function serialNumberOf(content: string): string {
  const hash = createHash("sha256").update(content).digest("hex");
  return hash.replace(/^(.{8})(.{4}).(.{3}).(.{3})(.{12}).*$/, "urn:uuid:$1-$2-5$3-8$4-$5");
}

function toLibrary(
  { name, version, purl, integrity, licence, carries }: Component,
): Models.Component {
  const [group, short] = name.startsWith("@") ? name.split("/") : [undefined, name];
  return library(short!, version, purl ?? `pkg:npm/${name.replace("@", "%40")}@${version}`, {
    group,
    hashes: hashesOf(integrity),
    licenses: licencesOf(licence),
    components: new Models.ComponentRepository(
      carries
        ? [
          library(carries.name, carries.version, carries.purl, {
            licenses: licencesOf("MIT"),
            components: new Models.ComponentRepository(
              Object.entries(carries.files).sort(([a], [b]) => a < b ? -1 : 1)
                .map(([file, sha256]) => toFile(file, sha256, carries.purl)),
            ),
          }),
        ]
        : [],
    ),
  });
}

/** A file of a component. */
function toFile(name: string, sha256: string, purl: string): Models.Component {
  return new Models.Component(ComponentType.File, name, {
    // Otherwise the library chooses a random one.
    bomRef: `${purl}#${name}`,
    hashes: new Models.HashDictionary([[HashAlgorithm["SHA-256"], sha256]]),
  });
}

/** A component that is referred to by its package URL. */
function library(
  name: string,
  version: string,
  purl: string,
  others: Models.OptionalComponentProperties,
): Models.Component {
  return new Models.Component(ComponentType.Library, name, {
    ...others,
    bomRef: purl,
    version,
    purl,
  });
}

/** @param integrity As a lock file has it. */
function hashesOf(integrity: string | undefined): Models.HashDictionary {
  const [, bits, base64] = /^sha(512|256)-(.+)$/.exec(integrity ?? "") ?? [];
  if (base64 === undefined) return new Models.HashDictionary();
  const hex = Buffer.from(base64, "base64").toString("hex");
  const algorithm = bits === "512" ? HashAlgorithm["SHA-512"] : HashAlgorithm["SHA-256"];
  return new Models.HashDictionary([[algorithm, hex]]);
}

function licencesOf(expression: string | undefined): Models.LicenseRepository {
  return new Models.LicenseRepository(
    expression === undefined ? [] : [new Models.LicenseExpression(expression)],
  );
}
