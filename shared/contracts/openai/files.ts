import { z } from "zod";
import { defineRoute } from "../route.ts";
import { openaiDialect } from "./dialect.ts";

/** In seconds: an hour to 30 days, as at OpenAI. */
export const expirySeconds = z.coerce.number().int().min(3600).max(2_592_000);

/** Purposes of files. */
export const filePurpose = z.enum(["batch", "batch_output"]);

const seconds = z.number().int().meta({ description: "Seconds since the epoch" });

export const fileObject = z.object({
  id: z.string(),
  object: z.literal("file"),
  bytes: z.number().int(),
  created_at: seconds,
  expires_at: seconds.optional().meta({
    description: "Absent: it is erased a while after its last use",
  }),
  filename: z.string(),
  purpose: filePurpose,
  status: z.literal("processed"),
}).meta({ id: "File" });

/** A file as clients see it. */
export type FileObject = z.output<typeof fileObject>;

/** Fields of a list that is read in pages. */
export const pageFields = {
  object: z.literal("list"),
  first_id: z.string().nullable(),
  last_id: z.string().nullable(),
  has_more: z.boolean(),
};

const byId = z.object({ id: z.string().min(1).max(256) });
const openai = { tag: "openai", dialect: openaiDialect, role: "client", status: 200 } as const;

/** OpenAI's files: inputs and outputs of batches. */
export const fileRoutes = {
  uploadFile: defineRoute({
    method: "POST",
    path: "/v1/files",
    summary: "Upload a file of requests for a batch, each a line of JSON",
    ...openai,
    form: z.object({
      purpose: z.literal("batch"),
      file: z.string().meta({ format: "binary" }),
      "expires_after[anchor]": z.literal("created_at").optional(),
      "expires_after[seconds]": expirySeconds.optional(),
    }),
    reply: fileObject,
    kind: "json",
    errors: ["NOT_READY"],
  }),
  listFiles: defineRoute({
    method: "GET",
    path: "/v1/files",
    summary: "List files, newest first",
    ...openai,
    query: z.object({
      purpose: z.string().max(256).optional(),
      limit: z.coerce.number().int().min(1).max(10_000).default(10_000),
      order: z.enum(["asc", "desc"]).default("desc"),
      after: z.string().max(256).optional().meta({ description: "Id of the last file seen" }),
    }),
    reply: z.object({ ...pageFields, data: z.array(fileObject) }).meta({ id: "FileList" }),
    kind: "json",
    errors: ["NOT_FOUND"],
  }),
  // Before the route of one file: an id at the end of a path may have slashes.
  fileContent: defineRoute({
    method: "GET",
    path: "/v1/files/{id}/content",
    summary: "Download a file",
    ...openai,
    params: byId,
    kind: "text",
    types: ["application/octet-stream"],
    errors: ["NOT_FOUND"],
  }),
  getFile: defineRoute({
    method: "GET",
    path: "/v1/files/{id}",
    summary: "Get what is known of a file",
    ...openai,
    params: byId,
    reply: fileObject,
    kind: "json",
    errors: ["NOT_FOUND"],
  }),
  deleteFile: defineRoute({
    method: "DELETE",
    path: "/v1/files/{id}",
    summary: "Erase a file",
    ...openai,
    params: byId,
    reply: z.object({ id: z.string(), object: z.literal("file"), deleted: z.literal(true) })
      .meta({ id: "DeletedFile" }),
    kind: "json",
    errors: ["NOT_FOUND", "CONFLICT"],
  }),
};
