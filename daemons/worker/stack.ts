import { spawnSync } from "node:child_process";
import { STACK_KIB } from "#shared/large_stack.ts";

/** The stack of the thread that turns text into tokens. */
export interface TextStack {
  /** Undefined where the system does not say. */
  readonly bytes: number | undefined;
  /** Characters that it carries where each of them takes a call in a call. */
  readonly characters: number;
}

/** What a character takes at most, measured over all pre-tokenizers (some 350), and a reserve. */
const BYTES_OF_CHARACTER = 512;
/** What the rest of the process stands on. */
const RESERVE_BYTES = 1024 * 1024;
/** What Deno has on Windows, and less than any other system gives. */
const LEAST_BYTES = 4 * 1024 * 1024;

/** This process's stack. */
export function textStack(bytes: number | undefined = stackBytes()): TextStack {
  const carries = Math.max(bytes ?? LEAST_BYTES, LEAST_BYTES) - RESERVE_BYTES;
  return { bytes, characters: Math.floor(carries / BYTES_OF_CHARACTER) };
}

function stackBytes(): number | undefined {
  if (Deno.build.os === "windows") return undefined;
  const said = Deno.build.os === "linux" ? limitOfProc() : limitOfShell();
  // It ends somewhere nevertheless.
  if (said === "unlimited") return STACK_KIB * 1024;
  return Number(said) || undefined;
}

function limitOfProc(): string | undefined {
  try {
    const limits = Deno.readTextFileSync("/proc/self/limits");
    return /^Max stack size\s+(\S+)/m.exec(limits)?.[1];
  } catch {
    return undefined;
  }
}

/** A child has the limits of its parent. */
function limitOfShell(): string | undefined {
  const { stdout } = spawnSync("/bin/sh", ["-c", "ulimit -s"], { encoding: "utf8" });
  const said = stdout?.trim();
  return said === "unlimited" ? said : said && String(Number(said) * 1024);
}
