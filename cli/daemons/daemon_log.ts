import { join } from "node:path";
import { defaultStateDir, type Env } from "#shared/paths.ts";
import type { DaemonKind } from "./kind.ts";

/** The line that says where a daemon listens is within this many bytes of its log's start. */
const HEAD_BYTES = 1024 * 1024;

/** How many logs of daemons that have ended are kept. */
const KEPT_LOGS = 5;

/** What a daemon logs once it listens. */
export interface Listening {
  readonly pid: number;
  readonly url: string;
}

/** The folder of a daemon's logs: its default state folder, even when it uses another. */
export function logDir({ executable }: DaemonKind, env: Env): string {
  return defaultStateDir(env, executable);
}

/** Creates an empty log that only its owner can read, and returns its path. */
export async function createLog(kind: DaemonKind, env: Env): Promise<string> {
  const dir = logDir(kind, env);
  await Deno.mkdir(dir, { recursive: true, mode: 0o700 });
  const stamp = new Date().toISOString().replace(/[-:]|\.\d+/g, "");
  // A temporary file, because it is readable only for its owner from the start.
  return await Deno.makeTempFile({ dir, prefix: `${kind.executable}-${stamp}-`, suffix: ".log" });
}

/** The logs that were made by {@linkcode createLog}, oldest first. */
export async function listLogs(kind: DaemonKind, env: Env): Promise<string[]> {
  const dir = logDir(kind, env);
  const names: string[] = [];
  try {
    for await (const { name, isFile } of Deno.readDir(dir)) {
      if (isFile && name.startsWith(`${kind.executable}-`) && name.endsWith(".log")) {
        names.push(name);
      }
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return names.sort().map((name) => join(dir, name));
}

/** Removes the oldest logs, but none of a daemon that runs. */
export async function pruneLogs(
  logs: readonly string[],
  inUse: ReadonlySet<string>,
): Promise<void> {
  const old = logs.filter((path) => !inUse.has(path)).slice(0, -KEPT_LOGS);
  await Promise.all(old.map((path) => Deno.remove(path).catch(() => {})));
}

/** The first part of a log. */
export async function readHead(path: string): Promise<string> {
  using file = await Deno.open(path);
  const buffer = new Uint8Array(Math.min(HEAD_BYTES, (await file.stat()).size));
  let length = 0;
  while (length < buffer.length) {
    const read = await file.read(buffer.subarray(length));
    if (read === null) break;
    length += read;
  }
  return new TextDecoder().decode(buffer.subarray(0, length));
}

/** Where a daemon listens, from its log; undefined until the log says it. */
export function findListening(log: string): Listening | undefined {
  for (const line of log.split("\n")) {
    const { event, pid, url } = parseLine(line) ?? {};
    if (event === "listening" && typeof pid === "number" && typeof url === "string") {
      return { pid, url };
    }
  }
  return undefined;
}

/** The lines of a log that are not JSON, for people to read, such as an error line. */
export function plainLines(log: string): string[] {
  return log.split("\n").filter((line) => line.trim() !== "" && parseLine(line) === undefined);
}

/** A JSON line of a log, with or without journald's prefix. */
function parseLine(line: string): Record<string, unknown> | undefined {
  const json = line.replace(/^<\d>/, "");
  if (!json.startsWith("{")) return undefined;
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}
