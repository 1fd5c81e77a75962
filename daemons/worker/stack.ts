import { spawnSync } from "node:child_process";
import { STACK_KIB } from "#shared/for_llama.ts";

/** The stack of the thread that tokenizes text. */
export interface TextStack {
  /** Size in bytes; undefined if the system does not report it. */
  readonly bytes: number | undefined;
  /** Characters that can be tokenized at once if each takes a nested call. */
  readonly characters: number;
}

/** Stack per character: about 350, the most of all pre-tokenizers, and a reserve. */
const BYTES_OF_CHARACTER = 512;
/** Stack for the rest of the process. */
const RESERVE_BYTES = 1024 * 1024;
/** Deno's stack on Windows, which is smaller than on any other system. */
const LEAST_BYTES = 4 * 1024 * 1024;

/** This process's stack. */
export function textStack(bytes: number | undefined = stackBytes()): TextStack {
  const carries = Math.max(bytes ?? LEAST_BYTES, LEAST_BYTES) - RESERVE_BYTES;
  return { bytes, characters: Math.floor(carries / BYTES_OF_CHARACTER) };
}

function stackBytes(): number | undefined {
  if (Deno.build.os === "windows") return undefined;
  const limit = Deno.build.os === "linux" ? limitOfProc() : limitOfShell();
  // In practice an unlimited stack has an end, too: this size is assumed.
  if (limit === "unlimited") return STACK_KIB * 1024;
  return Number(limit) || undefined;
}

function limitOfProc(): string | undefined {
  try {
    const limits = Deno.readTextFileSync("/proc/self/limits");
    return /^Max stack size\s+(\S+)/m.exec(limits)?.[1];
  } catch {
    return undefined;
  }
}

/** The limit of a child, which is the same as ours. */
function limitOfShell(): string | undefined {
  const { stdout } = spawnSync("/bin/sh", ["-c", "ulimit -s"], { encoding: "utf8" });
  const kib = stdout?.trim();
  return kib === "unlimited" ? kib : kib && String(Number(kib) * 1024);
}
