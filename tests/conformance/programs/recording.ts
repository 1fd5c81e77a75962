/**
 * Requests of real programs as they are kept in `../recordings`: method, path, headers, and the body
 * with its fields, types and sizes. Texts are only their length, ids are exchanged, and nothing tells
 * of the machine or the person.
 *
 * @module
 */
import { basename, join } from "node:path";
import type { Exchange } from "../../support/recording_proxy.ts";
import { ROOT } from "../../support/stack.ts";

/** A request of a program. */
export interface RecordedRequest {
  readonly method: string;
  /** Path with query. */
  readonly path: string;
  /** Sorted by name, in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** JSON with `filler of N` in place of a text of N characters; absent if the request has no body. */
  readonly body?: unknown;
  /** Status of the reply when it was recorded. */
  readonly status: number;
}

/** What a program sent to do a task. */
export interface Recording {
  readonly program: string;
  readonly version: string;
  /** Day of the recording. */
  readonly date: string;
  /** Those that differ in shape. */
  readonly requests: readonly RecordedRequest[];
}

const FOLDER = join(ROOT, "tests/conformance/recordings");

/** Path of a program's recording. */
export const recordingPath = (program: string): string => join(FOLDER, `${program}.json`);

/** Every recording. */
export function readRecordings(): Recording[] {
  return [...Deno.readDirSync(FOLDER)].map(({ name }) => basename(name, ".json")).sort()
    .map((program) => JSON.parse(Deno.readTextFileSync(recordingPath(program))));
}

/** Headers that the connection makes. */
const OF_CONNECTION = ["connection", "host", "content-length", "transfer-encoding", "keep-alive"];

/** The requests of a program's run, without what is its vendor's or the machine's. */
export function recordingOf(
  program: string,
  version: string,
  exchanges: readonly Exchange[],
): Recording {
  const requests = new Map<string, RecordedRequest>();
  for (const { method, path, headers, body, status } of exchanges) {
    const cleaner = new Cleaner();
    const kept = headers.filter(([name]) => !OF_CONNECTION.includes(name));
    const request = {
      method,
      path,
      headers: Object.fromEntries(kept.map(([name, value]) => [name, cleaner.header(name, value)])),
      ...(body === "" ? {} : { body: cleaner.value("", JSON.parse(body)) }),
      status,
    };
    const shape = JSON.stringify(shapeOf(request));
    if (!requests.has(shape)) requests.set(shape, request);
  }
  const date = new Date().toISOString().slice(0, 10);
  return { program, version, date, requests: [...requests.values()] };
}

/** Keys of ids, whose values differ from run to run. */
const ID_KEY = /(^|[_-])(id|cache_key)$/;
const UUID = /[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}/g;
/** Keys of values that decide what a schema allows. */
const KEPT_KEYS = ["enum", "const", "pattern"];
/** A name, a type or a number, not a text. */
const WORD = /^[\w.:@+$*=;,-]{0,64}$/;
/** The line of Claude Code that is dropped from prompts; its check sum differs from run to run. */
const BILLING = /^x-anthropic-billing-header:/;

/** Exchanges the texts and ids of one request. */
class Cleaner {
  readonly #ids = new Map<string, string>();

  header(name: string, value: string): string {
    if (ID_KEY.test(name)) return this.#id(value);
    return value.startsWith("{") ? this.#text(name, value) : this.#withoutIds(value);
  }

  value(key: string, value: unknown): unknown {
    if (typeof value === "string") return this.#text(key, value);
    if (Array.isArray(value)) return value.map((each) => this.value(key, each));
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(
      Object.entries(value).map(([name, each]) => [name, this.value(name, each)]),
    );
  }

  #text(key: string, text: string): string {
    if (ID_KEY.test(key) && !text.startsWith("{")) return this.#id(text);
    if (BILLING.test(text)) return this.#withoutIds(text.replace(/cch=\w+/, "cch=00000"));
    if (/^[{[]/.test(text)) {
      try {
        return JSON.stringify(this.value(key, JSON.parse(text)));
      } catch {
        // A text that only begins like JSON.
      }
    }
    if (KEPT_KEYS.includes(key) || WORD.test(text)) return this.#withoutIds(text);
    return `filler of ${text.length}`;
  }

  /** Another id of the same length, the same one each time. */
  #id(text: string): string {
    const known = this.#ids.get(text);
    if (known !== undefined) return known;
    const number = String(this.#ids.size + 1).padStart(text.length, "0");
    this.#ids.set(text, number);
    return number;
  }

  #withoutIds(text: string): string {
    return text.replace(UUID, (uuid) => uuid.replace(/\w/g, "0"));
  }
}

/**
 * What must be the same when a program is recorded again: names of headers, fields and their types. Not
 * their order: Codex writes some in any.
 */
export function shapeOf({ method, path, headers, body, status }: RecordedRequest): unknown {
  return { method, path, headers: Object.keys(headers), body: shapeOfValue(body), status };
}

function shapeOfValue(value: unknown): unknown {
  if (Array.isArray(value)) {
    const shapes = new Map(value.map((each) => {
      const shape = shapeOfValue(each);
      return [JSON.stringify(shape), shape];
    }));
    return [...shapes.values()];
  }
  if (typeof value !== "object" || value === null) return typeof value;
  const entries = Object.entries(value).map(([key, each]) => [key, shapeOfValue(each)] as const);
  return Object.fromEntries(entries.toSorted(([a], [b]) => a < b ? -1 : 1));
}

/** What fillers consist of, in words of 64: a model with tokens for its runs has few for a long text. */
export const FILLER = "x";

/** A body as it is sent: fillers have their length again. */
export function filled(value: unknown): unknown {
  if (typeof value === "string") {
    const length = /^filler of (\d+)$/.exec(value)?.[1];
    if (length !== undefined) return filler(Number(length));
    if (!/^[{[]/.test(value)) return value;
    try {
      return JSON.stringify(filled(JSON.parse(value)));
    } catch {
      return value;
    }
  }
  if (Array.isArray(value)) return value.map(filled);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, filled(each)]));
}

/** A text of a length that says nothing. */
function filler(length: number): string {
  const word = `${FILLER.repeat(64)} `;
  return word.repeat(Math.ceil(length / word.length)).slice(0, length);
}
