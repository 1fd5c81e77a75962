import { LlorchError } from "#shared/errors.ts";
import { type ModelReference, parseReference } from "#shared/models/reference.ts";
import { firstPart } from "#shared/models/split.ts";
import { catalogModel } from "./catalog.ts";
import { modelNotHere } from "./lookup.ts";

/** What is to be downloaded. */
export interface Target {
  /** Name that the model will have. */
  readonly id: string | undefined;
  /** `org/repo` on the hub. */
  readonly repo: string;
  /** As it was asked for; absent: the hub's `main`. */
  readonly revision: string | undefined;
  /** Undefined: the only one there is. */
  readonly file: string | undefined;
  /** What the catalog says that the content is. */
  readonly sha256: string | undefined;
}

/**
 * Reads a catalog id or an `hf:` reference.
 *
 * @throws {LlorchError} for what is neither, and for what need not be downloaded.
 */
export function downloadTarget(word: string): Target {
  const reference = parseReference(word);
  if (reference.kind === "hf") return hubTarget(reference);
  if (reference.kind === "file") {
    throw new LlorchError(
      "INVALID_REQUEST",
      `${word} is on this machine already: llorch models add ${word} makes it known`,
    );
  }
  const known = catalogModel(word);
  if (known === undefined) throw modelNotHere(word);
  if (known.source === undefined) {
    throw new LlorchError(
      "INVALID_REQUEST",
      `${word} comes with llorch: there is nothing to fetch`,
    );
  }
  const source = parseReference(known.source);
  if (source.kind !== "hf") throw new TypeError(`The catalog has no source for "${word}"`);
  return { ...hubTarget(source), id: known.id, sha256: known.sha256 };
}

function hubTarget(reference: ModelReference & { kind: "hf" }): Target {
  return {
    id: undefined,
    repo: `${reference.org}/${reference.repo}`,
    revision: reference.revision,
    // One part is not a model: naming one means all of them.
    file: reference.file === undefined ? undefined : firstPart(reference.file),
    sha256: undefined,
  };
}
