import { setImmediate } from "node:timers/promises";
import { Buffer } from "node:buffer";
import { LlorchError } from "#shared/errors.ts";
import type { FileStore } from "../../store/file_store.ts";

/** A line of a file, without its end. */
export interface FileLine {
  /** From 1. */
  readonly number: number;
  readonly bytes: Uint8Array;
}

/**
 * The lines of a file that are not blank, read as they are needed.
 *
 * @throws {LlorchError} `NOT_FOUND` if the file is not there, or not any more
 */
export async function* linesOf(files: FileStore, id: string): AsyncGenerator<FileLine> {
  let number = 1;
  let rest: Uint8Array[] = [];
  const file = await files.get(id);
  for (let part = 0; part < (file?.parts ?? 1); part++) {
    const data = await files.read(id, part);
    if (!file || !data) throw new LlorchError("NOT_FOUND", `Cannot find file "${id}"`);
    let at = 0;
    for (let end = data.indexOf(0x0a); end >= 0; end = data.indexOf(0x0a, at)) {
      const line = joined(rest, data.subarray(at, end));
      rest = [];
      at = end + 1;
      if (!isBlank(line)) yield { number, bytes: line };
      number++;
    }
    rest.push(data.subarray(at));
    // The store reads without waiting: let others work between the parts.
    await setImmediate();
  }
  const last = joined(rest, new Uint8Array());
  if (!isBlank(last)) yield { number, bytes: last };
}

function joined(rest: readonly Uint8Array[], end: Uint8Array): Uint8Array {
  return rest.length === 0 ? end : Buffer.concat([...rest, end]);
}

function isBlank(line: Uint8Array): boolean {
  return line.every((byte) => byte === 0x20 || byte === 0x09 || byte === 0x0d);
}
