import { discard } from "./discard.ts";
import { systemClock } from "../clock.ts";
import { BODY_TIMEOUT_MS, MAX_BODY_BYTES, MAX_JSON_LEVELS } from "../defaults.ts";
import { invalidRequest, LlorchError } from "../errors.ts";
import { parseExactJson } from "../exact_json.ts";
import { hasMoreLevels } from "../json_levels.ts";
import type { LargeBodies } from "./large_bodies.ts";

/** Limits of a request body. */
export interface BodyLimits {
  /** @default 8 MiB */
  readonly maxBytes?: number;
  /** @default 30 000 ms */
  readonly timeoutMs?: number;
  /**
   * Most levels of objects and lists.
   * @default 192
   */
  readonly maxLevels?: number;
  /** For bodies with images; absent: they have the usual limit. */
  readonly large?: LargeBodies;
  /** Called with each piece's length; what it throws ends the reading. */
  readonly onBytes?: (bytes: number) => void;
}

/** How a body is read. */
export interface BodyReading {
  /** Names of the fields in which numbers keep their digits. */
  readonly exact?: readonly string[];
  /** Whether its content type does not matter. */
  readonly anyContentType?: boolean;
}

/**
 * Refuses a compressed body.
 *
 * @throws {LlorchError} `UNSUPPORTED_MEDIA_TYPE`
 */
export function checkEncoding({ headers }: Request): void {
  const encoding = headers.get("content-encoding") ?? "identity";
  if (/^identity$/i.test(encoding.trim())) return;
  throw new LlorchError(
    "UNSUPPORTED_MEDIA_TYPE",
    `Cannot read a body with Content-Encoding "${encoding.slice(0, 100)}": send it uncompressed`,
  );
}

/**
 * Reads a JSON body within its limits.
 *
 * @throws {LlorchError} `PAYLOAD_TOO_LARGE`, `UNSUPPORTED_MEDIA_TYPE` or `INVALID_REQUEST`.
 */
export async function readJsonBody(
  request: Request,
  limits: BodyLimits = {},
  { exact = [], anyContentType = false }: BodyReading = {},
): Promise<unknown> {
  const type = request.headers.get("content-type") ?? "";
  if (!anyContentType && !/^application\/(?:[\w.+-]+\+)?json\s*(?:;|$)/i.test(type)) {
    throw new LlorchError(
      "UNSUPPORTED_MEDIA_TYPE",
      `Cannot read a body of type "${type.slice(0, 100)}": send Content-Type: application/json`,
    );
  }
  checkEncoding(request);
  const text = new TextDecoder("utf-8", { fatal: true });
  let decoded: string;
  const raw = await readBytes(request, limits);
  try {
    decoded = text.decode(raw);
  } catch (error) {
    throw new LlorchError("INVALID_REQUEST", "Cannot read the body: it is not valid UTF-8", {
      cause: error,
    });
  }
  let value: unknown;
  try {
    value = parseExactJson(decoded, exact);
  } catch (error) {
    const reason = decoded.trim() === "" ? "it is empty" : (error as Error).message;
    throw invalidRequest([{ field: "", message: `the body is not JSON: ${reason}` }]);
  }
  const maxLevels = limits.maxLevels ?? MAX_JSON_LEVELS;
  if (hasMoreLevels(value, maxLevels)) {
    throw invalidRequest([{ field: "", message: `the body has more than ${maxLevels} levels` }]);
  }
  return value;
}

/**
 * All of a request's body.
 *
 * @throws {LlorchError} `PAYLOAD_TOO_LARGE`, or `INVALID_REQUEST` if it does not arrive
 */
export async function readBytes(request: Request, limits: BodyLimits): Promise<Uint8Array> {
  const maxBytes = limits.maxBytes ?? MAX_BODY_BYTES;
  const timeoutMs = limits.timeoutMs ?? BODY_TIMEOUT_MS;
  const length = request.headers.get("content-length");
  if (Number(length ?? 0) > maxBytes) throw tooLarge(maxBytes);
  let giveUp = () => {};
  let stopTimer = () => {};
  const late = new Promise<never>((_, reject) => {
    stopTimer = systemClock.after(timeoutMs, () => {
      giveUp();
      // A 4xx, since the caller is slow: alerts about this daemon must not count it.
      reject(
        new LlorchError("INVALID_REQUEST", `The body did not arrive within ${timeoutMs} ms`, {
          retriable: true,
        }),
      );
    });
  });
  try {
    // A body of known length is read at once, which costs less than reading a stream.
    if (length !== null && !limits.onBytes) {
      return await Promise.race([readAtOnce(request, maxBytes), late]);
    }
    const reader = request.body?.getReader();
    if (!reader) return new Uint8Array();
    giveUp = () => void reader.cancel().catch(() => {});
    return await Promise.race([readPieces(reader, maxBytes, limits.onBytes), late]);
  } finally {
    stopTimer();
  }
}

async function readAtOnce(request: Request, maxBytes: number): Promise<Uint8Array> {
  const bytes = await request.arrayBuffer().catch(brokenOff);
  if (bytes.byteLength > maxBytes) throw tooLarge(maxBytes);
  return new Uint8Array(bytes);
}

async function readPieces(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  maxBytes: number,
  onBytes: (bytes: number) => void = () => {},
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  while (true) {
    const { done, value } = await reader.read().catch(brokenOff);
    if (done) return concat(chunks, size);
    size += value.byteLength;
    try {
      if (size > maxBytes) throw tooLarge(maxBytes);
      onBytes(value.byteLength);
    } catch (error) {
      await discard(reader);
      throw error;
    }
    chunks.push(value);
  }
}

function brokenOff(cause: unknown): never {
  throw new LlorchError("INVALID_REQUEST", "The body ended early or is badly framed", { cause });
}

function tooLarge(maxBytes: number): LlorchError {
  return new LlorchError(
    "PAYLOAD_TOO_LARGE",
    `Cannot accept a body of more than ${maxBytes} bytes`,
  );
}

function concat(chunks: readonly Uint8Array[], size: number): Uint8Array {
  if (chunks.length === 1 && chunks[0]) return chunks[0];
  const all = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.byteLength;
  }
  return all;
}
