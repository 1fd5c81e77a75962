import type { FileObject } from "#shared/contracts/mod.ts";
import { LlorchError } from "#shared/errors.ts";
import { defined } from "#shared/json.ts";
import type { Caller } from "#shared/http/app.ts";
import type { Orchestrator } from "../../service.ts";
import type { FileRow, ListedFile } from "../../store/file_store.ts";
import { mayTouch } from "../own_jobs.ts";

/**
 * A file that a caller may see.
 *
 * @throws {LlorchError} `NOT_FOUND`
 */
export async function ownFile(
  { store }: Pick<Orchestrator, "store">,
  id: string,
  caller: Caller | undefined,
): Promise<ListedFile> {
  const file = await store.files.get(id);
  if (file && mayTouch(caller, file.tenant)) return file;
  throw new LlorchError(
    "NOT_FOUND",
    `Cannot find file "${id.slice(0, 100)}": it was never there, has expired or was deleted`,
  );
}

/** A file as clients see it. */
export function fileView(file: FileRow): FileObject {
  const seconds = (ms: number) => Math.floor(ms / 1000);
  return {
    id: file.id,
    object: "file",
    bytes: file.bytes,
    created_at: seconds(file.createdAt),
    ...defined({ expires_at: file.expiresAt && seconds(file.expiresAt) }),
    filename: file.name,
    purpose: file.purpose,
    status: "processed",
  };
}
