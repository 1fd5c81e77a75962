import { Buffer } from "node:buffer";
import { deadline, LATE } from "../deadline.ts";
import { BODY_TIMEOUT_MS } from "../defaults.ts";
import { invalidRequest, LlorchError } from "../errors.ts";
import { checkEncoding } from "./body.ts";
import { discard } from "./discard.ts";

/** Most parts of a form. */
const MAX_PARTS = 32;

/** Longest headers of a part, in bytes. */
const MAX_HEADERS = 8 * 1024;

const CRLF = "\r\n";

/** A part of a form. */
export interface FormPart {
  readonly name: string;
  /** As the client wrote it: only data. Undefined for a plain field. */
  readonly filename: string | undefined;
  /** Its content, in pieces as they arrive; to be read before the next part. */
  readonly content: AsyncGenerator<Uint8Array>;
}

/** How a form is read. */
export interface FormReading {
  /** A form of which nothing arrives for this long is given up, in ms. @default 30 000 */
  readonly idleMs?: number;
}

/**
 * Reads a body of `multipart/form-data` part by part, of any length: the reader of a part bounds it. A
 * part that nobody reads is skipped.
 *
 * @throws {LlorchError} `UNSUPPORTED_MEDIA_TYPE`, or `INVALID_REQUEST` for a body that is badly framed,
 * ends early or stops arriving
 */
export async function* readForm(
  request: Request,
  { idleMs = BODY_TIMEOUT_MS }: FormReading = {},
): AsyncGenerator<FormPart> {
  checkEncoding(request);
  const boundary = boundaryOf(request.headers.get("content-type") ?? "");
  const input = new Input(request.body?.getReader(), idleMs);
  try {
    const delimiter = Buffer.from(`${CRLF}--${boundary}`);
    for await (
      const _ of input.until(delimiter)
    ) { /* What precedes the first part has no meaning. */ }
    for (let count = 0; !await input.isEnd(); count++) {
      if (count === MAX_PARTS) throw badForm(`has more than ${MAX_PARTS} parts`);
      const { name, filename } = dispositionOf(await input.headers());
      const content = input.until(delimiter);
      yield { name, filename, content };
      for await (const _ of content) { /* What nobody read. */ }
    }
  } finally {
    await input.end();
  }
}

/**
 * The text of a short field.
 *
 * @throws {LlorchError} `INVALID_REQUEST` if it has more than `maxBytes`
 */
export async function readField({ name, content }: FormPart, maxBytes: number): Promise<string> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of content) {
    size += piece.byteLength;
    if (size > maxBytes) {
      throw invalidRequest([{ field: name, message: `must have at most ${maxBytes} bytes` }]);
    }
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString("utf8");
}

/** Bytes that arrive, of which few are kept. */
class Input {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  readonly #idleMs: number;
  /** Begins as if a line had ended, so that the first delimiter is like the others. */
  #buffer: Buffer = Buffer.from(CRLF);

  constructor(reader: ReadableStreamDefaultReader<Uint8Array> | undefined, idleMs: number) {
    this.#reader = reader;
    this.#idleMs = idleMs;
  }

  /** Yields what comes before a delimiter, and takes the delimiter. */
  async *until(delimiter: Buffer): AsyncGenerator<Uint8Array> {
    while (true) {
      const at = this.#buffer.indexOf(delimiter);
      const end = at >= 0 ? at : Math.max(0, this.#buffer.length - delimiter.length + 1);
      const piece = this.#buffer.subarray(0, end);
      this.#buffer = this.#buffer.subarray(at >= 0 ? at + delimiter.length : end);
      if (piece.length > 0) yield piece;
      if (at >= 0) return;
      await this.#more();
    }
  }

  /** Takes what follows a delimiter: whether the form ends there. */
  async isEnd(): Promise<boolean> {
    // White space may follow a delimiter.
    while (true) {
      const text = this.#buffer.toString("latin1", 0, 256);
      if (text.startsWith("--")) return true;
      const line = /^[ \t]*\r\n/.exec(text);
      if (line) {
        this.#buffer = this.#buffer.subarray(line[0].length);
        return false;
      }
      if (!/^(?:-|[ \t]*\r?)$/.test(text)) throw badForm("has text behind a boundary");
      await this.#more();
    }
  }

  /** Takes the headers of a part. */
  async headers(): Promise<string> {
    while (true) {
      // A part without headers begins with the empty line.
      const at = this.#buffer.subarray(0, 2).equals(Buffer.from(CRLF))
        ? 0
        : this.#buffer.indexOf(CRLF + CRLF);
      if (at > MAX_HEADERS || at < 0 && this.#buffer.length > MAX_HEADERS) {
        throw badForm("has a part with too long headers");
      }
      if (at >= 0) {
        const text = this.#buffer.toString("utf8", 0, at);
        this.#buffer = this.#buffer.subarray(at === 0 ? 2 : at + 4);
        return text;
      }
      await this.#more();
    }
  }

  /** To be called when nothing more of it is wanted. */
  async end(): Promise<void> {
    if (this.#reader) await discard(this.#reader);
  }

  async #more(): Promise<void> {
    const next = this.#reader?.read().catch((cause) => {
      throw new LlorchError("INVALID_REQUEST", "The body ended early or is badly framed", {
        cause,
      });
    });
    const result = next && await deadline(next, this.#idleMs);
    if (result === LATE) {
      next?.catch(() => {});
      void this.#reader?.cancel().catch(() => {});
      // A 4xx, since the caller is slow: alerts about this daemon must not count it.
      throw new LlorchError(
        "INVALID_REQUEST",
        `Nothing of the body arrived for ${this.#idleMs} ms`,
        { retriable: true },
      );
    }
    if (!result || result.done) throw badForm("ended early");
    this.#buffer = this.#buffer.length === 0
      ? Buffer.from(result.value.buffer, result.value.byteOffset, result.value.byteLength)
      : Buffer.concat([this.#buffer, result.value]);
  }
}

function boundaryOf(type: string): string {
  if (!/^multipart\/form-data\s*(?:;|$)/i.test(type)) {
    throw new LlorchError(
      "UNSUPPORTED_MEDIA_TYPE",
      `Cannot read a body of type "${type.slice(0, 100)}": send multipart/form-data`,
    );
  }
  const [, quoted, plain] = /;\s*boundary=(?:"([^"]{1,70})"|([^\s;"]{1,70}))/i.exec(type) ?? [];
  const boundary = quoted ?? plain;
  if (boundary === undefined) throw badForm("has no boundary in its content type");
  return boundary;
}

/** Name and file name of a part, from its headers. */
function dispositionOf(headers: string): { name: string; filename: string | undefined } {
  const line = headers.split(CRLF).find((each) => /^content-disposition\s*:/i.test(each)) ?? "";
  const name = parameterOf(line, "name");
  if (name === undefined) throw badForm("has a part without a name");
  const [, extended] = /;\s*filename\*=UTF-8''([^;\s]*)/i.exec(line) ?? [];
  return { name, filename: decoded(extended) ?? parameterOf(line, "filename") };
}

function parameterOf(line: string, name: string): string | undefined {
  const pattern = new RegExp(`;\\s*${name}=(?:"((?:[^"\\\\]|\\\\.)*)"|([^\\s;"]*))`, "i");
  const [, quoted, plain] = pattern.exec(line) ?? [];
  // curl writes \" and \\, browsers and httpx %22; other backslashes are part of a Windows path.
  return quoted?.replace(/\\(["\\])/g, "$1").replace(/%22/g, '"') ?? plain;
}

function decoded(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

function badForm(what: string): LlorchError {
  return new LlorchError("INVALID_REQUEST", `Cannot read the form: it ${what}`);
}
