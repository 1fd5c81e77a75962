import { z } from "zod";
import { bytes, sha256, timestamp } from "../contracts/common.ts";
import { errorMessage, LlorchError } from "../errors.ts";
import { fieldErrors } from "../config/field_errors.ts";
import { type ModelReference, parseReference } from "./reference.ts";

/** Schema of a text that is a reference of the given kind. */
export function referenceOf(kind: ModelReference["kind"]) {
  return z.string().superRefine((text, context) => {
    try {
      const found = parseReference(text).kind;
      if (found !== kind) context.addIssue(`must be a ${kind} reference: found "${text}"`);
    } catch (error) {
      context.addIssue(errorMessage(error));
    }
  });
}

/** Schema of `x.gguf.json`, which describes the downloaded model `x.gguf` beside it. */
export const manifest = z.strictObject({
  id: referenceOf("name").meta({ description: "Name that people use, e.g. a catalog id" }),
  repo: z.string().optional().meta({ description: "org/repo on the hub that it came from" }),
  revision: z.string().optional().meta({ description: "Requested branch, tag or commit" }),
  file: z.string().optional().meta({ description: "Path inside the repository" }),
  size_bytes: bytes.meta({ description: "Of all parts together" }),
  sha256: sha256.optional().meta({ description: "Of the whole file" }),
  aliases: z.array(referenceOf("name")).max(64).default([]),
  verified_at: timestamp.optional(),
}).superRefine((value, context) => {
  if (value.repo === undefined) {
    for (const field of ["revision", "file"] as const) {
      if (value[field] !== undefined) {
        context.addIssue({ code: "custom", path: [field], message: "needs a repo" });
      }
    }
    return;
  }
  try {
    parseReference(manifestReference(value));
  } catch (error) {
    context.addIssue({ code: "custom", path: ["repo"], message: errorMessage(error) });
  }
}).meta({ id: "ModelManifest" });

/** A manifest. */
export type Manifest = z.output<typeof manifest>;

/** Largest manifest that is read, in bytes; a real one has a few hundred. */
const MAX_MANIFEST = 65_536;

/** Path of a model file's manifest. */
export function manifestPath(modelPath: string): string {
  return `${modelPath}.json`;
}

/** The `hf:` reference of a manifest with a repo, as text that the caller parses to check it. */
export function manifestReference(
  source: Readonly<Pick<Manifest, "repo" | "revision" | "file">>,
): string {
  const revision = source.revision === undefined ? "" : `@${source.revision}`;
  const file = source.file === undefined ? "" : `::file=${source.file}`;
  return `hf:${source.repo}${revision}${file}`;
}

/**
 * Reads the manifest of a model.
 *
 * @param modelPath path of the GGUF file, not of the manifest
 * @returns undefined if there is none
 * @throws {LlorchError} `INVALID_REQUEST` that names the manifest and each wrong field
 */
export async function readManifest(modelPath: string): Promise<Manifest | undefined> {
  const path = manifestPath(modelPath);
  const broken = (reason: string, cause?: unknown) =>
    new LlorchError("INVALID_REQUEST", `Cannot read manifest ${JSON.stringify(path)}: ${reason}`, {
      cause,
    });
  let text: string;
  try {
    const facts = await Deno.stat(path);
    if (!facts.isFile) throw broken("it is not a file");
    if (facts.size > MAX_MANIFEST) throw broken(`it is larger than ${MAX_MANIFEST} bytes`);
    text = await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    if (error instanceof LlorchError) throw error;
    throw broken(errorMessage(error), error);
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw broken("it is not JSON", error);
  }
  const parsed = manifest.safeParse(json);
  if (parsed.success) return parsed.data;
  const wrong = fieldErrors(parsed.error).map(({ field, message }) => `${field} ${message}`.trim());
  throw broken(wrong.join("; "));
}
