import type { Executable } from "./executables.ts";

/**
 * The stack that a worker is given, in KiB: address space, not memory. Regular expressions of
 * llama.cpp's tokenizers recurse for each character, by some 350 bytes.
 */
export const STACK_KIB = 512 * 1024;

/**
 * Raises the limit as far as the hard one allows, never lowers it, and becomes the program. Where Linux
 * counts address space as memory, the stacks of all threads would count: nothing is raised there.
 */
const RAISE = [
  "soft=$(ulimit -S -s) counted=0",
  "{ read -r counted </proc/sys/vm/overcommit_memory; } 2>/dev/null",
  `if [ "$counted" != 2 ] && [ "$soft" != unlimited ] && [ "$soft" -lt ${STACK_KIB} ]`,
  `then ulimit -S -s ${STACK_KIB} 2>/dev/null || ulimit -S -s "$(ulimit -H -s)" 2>/dev/null`,
  "fi",
  'exec "$0" "$@"',
].join("\n");

const SHELL = "/bin/sh";

/**
 * How to start a program with a large stack. A process gets its stack when it begins, so a shell sets
 * the limit and then becomes the program: the process id is the program's own. Where there is no such
 * shell (Windows), the program is started as it is.
 */
export function withLargeStack(
  { command, args }: Executable,
  hasShell: () => boolean = shellIsThere,
): Executable {
  return hasShell() ? { command: SHELL, args: ["-c", RAISE, command, ...args] } : { command, args };
}

function shellIsThere(): boolean {
  if (Deno.build.os === "windows") return false;
  try {
    return Deno.statSync(SHELL).isFile;
  } catch {
    return false;
  }
}
