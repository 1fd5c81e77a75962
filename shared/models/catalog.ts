import { z } from "zod";
import { parseToml } from "../config/toml.ts";
import { bytes, sha256 } from "../contracts/common.ts";
import { fieldErrors } from "../config/field_errors.ts";
import { UsageError } from "../lifecycle.ts";
import { referenceOf } from "./manifest.ts";

/** Schema of a model of the catalog. */
export const catalogModel = z.strictObject({
  id: referenceOf("name").meta({ description: "Short name that people use" }),
  name: z.string().min(1),
  file: z.string().regex(
    /^(?:[\w-][\w.-]*\/)*[\w-][\w.-]*\.gguf$/,
    "must be a path below the catalog",
  )
    .optional().meta({ description: "Bundled models: path beside the catalog" }),
  source: referenceOf("hf").optional().meta({ description: "Other models: where to get the file" }),
  size_bytes: bytes.optional(),
  sha256: sha256.optional().meta({ description: "Of the whole file, if it is published" }),
  licence: z.string().min(1).meta({ description: "SPDX identifier of the weights' licence" }),
  parameters: z.number().int().min(1),
  quantisation: z.string().min(1).meta({ description: "Format of the weights, e.g. Q4_K_M" }),
  context: z.number().int().min(1).meta({ description: "Tokens of context it was trained for" }),
  memory_gib: z.number().positive().meta({
    description: "Estimated memory of a worker with default context and slots",
  }),
}).superRefine((model, context) => {
  const wrong = (field: string, message: string) =>
    context.addIssue({ code: "custom", path: [field], message });
  if ((model.file === undefined) === (model.source === undefined)) {
    wrong("file", "exactly one of file and source is needed");
  }
  if (model.source !== undefined && !/::file=/.test(model.source)) {
    wrong("source", "must name the file: ::file=x.gguf");
  }
  for (const field of ["size_bytes", "sha256"] as const) {
    if (model.file !== undefined && model[field] === undefined) {
      wrong(field, "is needed for a model that ships");
    }
  }
});

/** An entry of the catalog. */
export type CatalogModel = z.output<typeof catalogModel>;

const catalog = z.strictObject({ models: z.array(catalogModel) }).superRefine((value, context) => {
  const seen = new Set<string>();
  for (const [index, { id }] of value.models.entries()) {
    if (seen.has(id)) {
      context.addIssue({
        code: "custom",
        path: ["models", index, "id"],
        message: `must be given once: found "${id}" again`,
      });
    }
    seen.add(id);
  }
});

/**
 * Parses the text of `catalog.toml`.
 *
 * @param file name of the file, for messages
 * @throws {UsageError} Names the file and every wrong field.
 */
export function parseCatalog(text: string, file: string): CatalogModel[] {
  const parsed = catalog.safeParse(parseToml(text, file));
  if (parsed.success) return parsed.data.models;
  const wrong = fieldErrors(parsed.error).map(({ field, message }) =>
    `${file}: ${field} ${message}`
  );
  throw new UsageError(wrong.join("\n"));
}
