import { expirySeconds } from "#shared/contracts/mod.ts";
import { invalidRequest, LlorchError } from "#shared/errors.ts";
import type { Caller } from "#shared/http/app.ts";
import { type FormPart, readField, readForm } from "#shared/http/multipart.ts";
import type { Orchestrator } from "../../service.ts";
import type { FileTotals, ListedFile } from "../../store/file_store.ts";
import { LineCount } from "./line_count.ts";
import { fileName } from "./names.ts";
import { FileWriter } from "./writer.ts";

/** Longest value of a plain field of the form, in bytes. */
const MAX_FIELD = 256;

/** What a form has beside its file, in bytes, at most: for the check of its announced length. */
const FORM_BYTES = 64 * 1024;

/** Bounds of the files of a key. */
type Bounds = Orchestrator["config"]["files"];

/**
 * Takes a form with a file. If it is refused, cut or cannot be written, nothing of it is left.
 *
 * @throws {LlorchError} `INVALID_REQUEST`, `PAYLOAD_TOO_LARGE`, `RATE_LIMITED`, or `NOT_READY` if the
 * store cannot be written
 */
export async function takeUpload(
  { store: { files }, config, clock }: Pick<Orchestrator, "store" | "config" | "clock">,
  request: Request,
  caller: Caller | undefined,
): Promise<ListedFile> {
  const tenant = caller?.keyId ?? "";
  const bounds = config.files;
  if (Number(request.headers.get("content-length")) > bounds.max_bytes + FORM_BYTES) {
    throw tooLarge("file", bounds.max_bytes, "bytes");
  }
  const totals = await files.totals(tenant);
  checkTotals({ ...totals, count: totals.count + 1 }, bounds);

  const fields = new Map<string, string>();
  let writer: FileWriter | undefined;
  try {
    for await (const part of readForm(request, { idleMs: config.limits.body_timeout_ms })) {
      if (part.filename === undefined) {
        fields.set(part.name, await readField(part, MAX_FIELD));
        checkFields(fields);
        continue;
      }
      if (part.name !== "file") continue;
      if (writer) throw invalidRequest([{ field: "file", message: "must be one file" }]);
      writer = await FileWriter.begin(files, {
        id: `file-${crypto.randomUUID().replaceAll("-", "")}`,
        tenant,
        name: fileName(part.filename),
        purpose: "batch",
        createdAt: clock.now(),
      });
      await copy(part, writer, bounds, async (unwritten) => {
        const { count, bytes } = await files.totals(tenant);
        checkTotals({ count, bytes: bytes + unwritten }, bounds);
      });
    }
    checkFields(fields, true);
    if (!writer) throw invalidRequest([{ field: "file", message: "is missing" }]);
    return await writer.finish(expiryOf(fields, clock.now()));
  } catch (error) {
    const isGone = writer?.abandon().catch(() => {});
    // On a full disk the removal waits, which its client need not.
    if (!(error instanceof LlorchError && error.code === "NOT_READY")) await isGone;
    throw error;
  }
}

async function copy(
  { content }: FormPart,
  writer: FileWriter,
  bounds: Bounds,
  checkKey: (unwritten: number) => Promise<void>,
): Promise<void> {
  const count = new LineCount();
  let bytes = 0;
  for await (const piece of content) {
    bytes += piece.byteLength;
    count.take(piece);
    if (bytes > bounds.max_bytes) throw tooLarge("file", bounds.max_bytes, "bytes");
    if (count.lines > bounds.max_lines) throw tooLarge("file", bounds.max_lines, "lines");
    if (count.longest > bounds.max_line_bytes) {
      throw tooLarge("line", bounds.max_line_bytes, "bytes");
    }
    await writer.write(piece);
    await checkKey(writer.unwritten);
  }
  writer.countLines(count.lines);
}

/** Checks the fields that have come, or that all have come. */
function checkFields(fields: ReadonlyMap<string, string>, isWhole = false): void {
  const purpose = fields.get("purpose");
  if (purpose !== undefined ? purpose !== "batch" : isWhole) {
    throw invalidRequest([{ field: "purpose", message: 'must be "batch"' }]);
  }
  const anchor = fields.get("expires_after[anchor]");
  if (anchor !== undefined && anchor !== "created_at") {
    throw invalidRequest([{ field: "expires_after.anchor", message: 'must be "created_at"' }]);
  }
  const seconds = fields.get("expires_after[seconds]");
  if (seconds !== undefined && !expirySeconds.safeParse(seconds).success) {
    const message = "must be 3600 to 2592000";
    throw invalidRequest([{ field: "expires_after.seconds", message }]);
  }
}

function expiryOf(fields: ReadonlyMap<string, string>, now: number): number | undefined {
  const seconds = fields.get("expires_after[seconds]");
  return seconds === undefined ? undefined : now + Number(seconds) * 1000;
}

/**
 * Checks what a key would store.
 *
 * @throws {LlorchError} `RATE_LIMITED`
 */
export function checkTotals({ count, bytes }: FileTotals, bounds: Bounds): void {
  const refusal = (limit: string, value: number, what: string) =>
    new LlorchError(
      "RATE_LIMITED",
      `This API key may store at most ${value} ${what}: delete files that are not needed any more`,
      { details: { limit, value }, retriable: false },
    );
  if (count > bounds.max_count) throw refusal("files.max_count", bounds.max_count, "files");
  if (bytes > bounds.max_total_bytes) {
    throw refusal("files.max_total_bytes", bounds.max_total_bytes, "bytes of files");
  }
}

function tooLarge(what: string, most: number, unit: string): LlorchError {
  return new LlorchError(
    "PAYLOAD_TOO_LARGE",
    `Cannot accept a ${what} of more than ${most} ${unit}`,
  );
}
