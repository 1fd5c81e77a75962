import { LlorchError } from "#shared/errors.ts";
import { type ModelReference, parseReference } from "#shared/models/reference.ts";
import { firstPart } from "#shared/models/split.ts";
import { catalogModel } from "./catalog.ts";
import { modelNotHere } from "./lookup.ts";

/** What to download. */
export interface Target {
  /** Name that the model will have. */
  readonly id: string | undefined;
  /** `org/repo` on the hub. */
  readonly repo: string;
  /** As it was asked for; absent: the hub's `main`. */
  readonly revision: string | undefined;
  /** Undefined: the only one in the repository. */
  readonly file: string | undefined;
  /** Hash of the content in the catalog. */
  readonly sha256: string | undefined;
}

/**
 * Reads a catalog id or an `hf:` reference.
 *
 * @throws {LlorchError} when the word is neither, or the model need not be downloaded.
 */
export function downloadTarget(word: string): Target {
  const reference = parseReference(word);
  if (reference.kind === "hf") return hubTarget(reference);
  if (reference.kind === "file") {
    throw new LlorchError(
      "INVALID_REQUEST",
      `${word} is already on this machine: llorch models add ${word} adds it`,
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
    // One part alone is no model: any part stands for all of them.
    file: reference.file === undefined ? undefined : firstPart(reference.file),
    sha256: undefined,
  };
}
