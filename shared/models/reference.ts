import { defined } from "../json.ts";
import { LlorchError } from "../errors.ts";

/** A parsed model reference (docs/architecture.md, "Model references"). */
export type ModelReference =
  | {
    readonly kind: "hf";
    /** Organisation or person on the hub. */
    readonly org: string;
    readonly repo: string;
    /** Branch, tag or commit; absent: the hub's default. */
    readonly revision?: string;
    /** Path of the GGUF file inside the repository, with `/`. */
    readonly file?: string;
  }
  | { readonly kind: "file"; /** Absolute path of a GGUF file. */ readonly path: string }
  | {
    readonly kind: "name"; /** An alias, a catalog id or a file's stem. */
    readonly name: string;
  };

/** How to name a file, for error messages. */
export const FILE_HINT = 'to name a file, write "file:" and its absolute path';

/** Longest reference in characters, as in the wire contract. */
const MAX_REFERENCE = 1024;

const HF_PART = /^[A-Za-z0-9][A-Za-z0-9._-]{0,95}$/;
const REVISION = /^[A-Za-z0-9][A-Za-z0-9._/-]{0,127}$/;
const NAME = /^[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,254}$/;
// deno-lint-ignore no-control-regex -- control characters are what it looks for
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\ud800-\udfff]/u;

/**
 * Parses a model reference: `hf:org/repo[@rev][::file=path]`, `file:/abs/x.gguf`, or a name.
 *
 * @throws {LlorchError} `INVALID_REQUEST` that says which part is wrong
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { parseReference } from "#shared/models/reference.ts";
 *
 * assert.deepEqual(parseReference("hf:org/repo@main::file=q4/x.gguf"), {
 *   kind: "hf", org: "org", repo: "repo", revision: "main", file: "q4/x.gguf",
 * });
 * ```
 */
export function parseReference(text: string): ModelReference {
  if (text.length > MAX_REFERENCE) {
    throw invalid(text, `it is longer than ${MAX_REFERENCE} characters`);
  }
  if (text.startsWith("hf:")) return parseHf(text);
  if (text.startsWith("file:")) return parseFile(text);
  if (!NAME.test(text)) {
    if (text.startsWith("/") && isGgufPath(text.slice(1))) {
      throw invalid(text, `to name a file, write file:${text}`);
    }
    if (/\.gguf$/i.test(text)) throw invalid(text, FILE_HINT);
    throw invalid(
      text,
      "a name has 1 to 255 letters, digits and ._:/@+- and begins with a letter or digit",
    );
  }
  return { kind: "name", name: text };
}

/** Formats a reference; {@linkcode parseReference} reads it back. */
export function formatReference(reference: ModelReference): string {
  switch (reference.kind) {
    case "hf": {
      const revision = reference.revision === undefined ? "" : `@${reference.revision}`;
      const file = reference.file === undefined ? "" : `::file=${reference.file}`;
      return `hf:${reference.org}/${reference.repo}${revision}${file}`;
    }
    case "file":
      return `file:${reference.path}`;
    case "name":
      return reference.name;
  }
}

/** Whether {@linkcode parseReference} accepts the text. */
export function isReference(text: string): boolean {
  try {
    parseReference(text);
    return true;
  } catch {
    return false;
  }
}

function parseHf(text: string): ModelReference {
  const body = text.slice("hf:".length);
  const split = body.indexOf("::");
  const source = split < 0 ? body : body.slice(0, split);
  const option = split < 0 ? undefined : body.slice(split + 2);
  const at = source.indexOf("@");
  const repository = at < 0 ? source : source.slice(0, at);
  const revision = at < 0 ? undefined : source.slice(at + 1);

  const [org, repo, ...rest] = repository.split("/");
  if (org === undefined || repo === undefined || rest.length > 0) {
    throw invalid(text, 'a Hugging Face reference begins with "hf:org/repo"');
  }
  for (const [what, part] of [["organisation", org], ["repository", repo]] as const) {
    if (!HF_PART.test(part) || part.includes("..")) {
      throw invalid(text, `the ${what} ${quote(part)} is not a Hugging Face name`);
    }
  }
  if (revision !== undefined && (!REVISION.test(revision) || hasDotSegment(revision))) {
    throw invalid(text, `the revision ${quote(revision)} is not a branch, tag or commit`);
  }
  if (option !== undefined && !option.startsWith("file=")) {
    throw invalid(text, `the option ${quote(option)} is not "file=" and a path`);
  }
  const file = option?.slice("file=".length);
  if (file !== undefined && !isGgufPath(file)) {
    throw invalid(
      text,
      `the file ${quote(file)} is not a path inside the repository that ends in ".gguf"`,
    );
  }
  return {
    kind: "hf",
    org,
    repo,
    ...defined({ revision, file }),
  };
}

function parseFile(text: string): ModelReference {
  const path = text.slice("file:".length);
  if (!path.startsWith("/")) {
    throw invalid(text, `the path ${quote(path)} is not absolute`);
  }
  if (!isGgufPath(path.slice(1))) {
    throw invalid(text, `the path ${quote(path)} is not a plain path that ends in ".gguf"`);
  }
  return { kind: "file", path };
}

/** Whether a relative path to a GGUF file is normal (no empty, `.` or `..` part) and printable. */
function isGgufPath(path: string): boolean {
  return !UNPRINTABLE.test(path) && !path.includes("\\") && !hasDotSegment(path) &&
    /[^/]\.gguf$/i.test(path);
}

function hasDotSegment(path: string): boolean {
  return path.split("/").some((part) => part === "" || part === "." || part === "..");
}

function quote(text: string): string {
  return JSON.stringify(text.length > 200 ? `${text.slice(0, 200)}…` : text);
}

function invalid(text: string, reason: string): LlorchError {
  return new LlorchError(
    "INVALID_REQUEST",
    `Cannot read the model reference ${quote(text)}: ${reason}`,
  );
}
