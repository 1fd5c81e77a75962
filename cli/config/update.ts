import { dirname } from "node:path";
import { LlorchError } from "#shared/errors.ts";
import { UsageError } from "#shared/lifecycle.ts";
import { parseConfig } from "./document.ts";
import { readConfigText, reasonOf } from "./file.ts";

/**
 * Edits the config file. It is replaced atomically, and only with a valid text.
 *
 * @param edit Gets the current text, empty when there is no file yet, and returns the new one.
 * @returns whether anything changed
 * @throws {UsageError} when the file is not valid, or would not be after the edit
 * @throws {LlorchError} when it cannot be written
 */
export async function updateConfig(path: string, edit: (text: string) => string): Promise<boolean> {
  const before = readConfigText(path) ?? "";
  const config = await parseConfig(before, path);
  const after = edit(before);
  if (after === before) return false;
  try {
    await parseConfig(after, path);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    const reasons = error.message.split("\n").map((line) => line.replace(/^.*?:\d+: /, ""));
    const host = /^hosts\.([\w-]+)\.address is required$/m.exec(reasons.join("\n"))?.[1];
    const advice = host === undefined
      ? ""
      : config.hosts?.[host] === undefined
      ? `; llorch remote hosts add ${host} ADDRESS first`
      : `; llorch remote hosts remove ${host} removes the whole host`;
    throw new UsageError(`Cannot change ${path}: ${reasons.join(", ")}${advice}`, { cause: error });
  }
  replaceFile(path, after);
  return true;
}

function replaceFile(path: string, text: string): void {
  try {
    Deno.mkdirSync(dirname(path), { recursive: true });
    const target = realPath(path);
    const mode = modeOf(target);
    const temporary = `${target}.${Deno.pid}.new`;
    try {
      Deno.writeTextFileSync(temporary, text, { createNew: true, ...(mode ? { mode } : {}) });
      Deno.renameSync(temporary, target);
    } catch (error) {
      removeIfThere(temporary);
      throw error;
    }
  } catch (error) {
    const reason = reasonOf(error);
    throw new LlorchError("FORBIDDEN", `Cannot write ${path}: ${reason}; nothing was changed`, {
      cause: error,
    });
  }
}

/** The file that a link points to, so that the link itself is kept. */
function realPath(path: string): string {
  try {
    return Deno.realPathSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return path;
    throw error;
  }
}

function modeOf(path: string): number | undefined {
  try {
    const mode = Deno.statSync(path).mode;
    return mode === null ? undefined : mode & 0o777;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

function removeIfThere(path: string): void {
  try {
    Deno.removeSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
