import type { Executable } from "./executables.ts";

/**
 * Stack size of a worker, in KiB of address space, not memory. Regular expressions of llama.cpp's
 * tokenizers recurse for each character and take about 350 bytes each time.
 */
export const STACK_KIB = 512 * 1024;

/**
 * A line for shells that has glibc ask for huge pages where Linux gives them to those who ask (`transparent_hugepage` is `madvise`, as
 * on Ubuntu): llama.cpp then clears a cache of hundreds of MiB in a third of the time. Tunables that are set stay
 * as they are.
 */
export const HUGE_PAGES = ': "${GLIBC_TUNABLES=glibc.malloc.hugetlb=1}"; export GLIBC_TUNABLES';

/**
 * Raises the soft limit as far as the hard limit allows, never lowers it, and then runs the program
 * by `exec`. If Linux counts address space as memory (overcommit_memory is 2), nothing is raised,
 * since the stacks of all threads would count.
 */
const PREPARE = [
  HUGE_PAGES,
  "soft=$(ulimit -S -s) counted=0",
  "{ read -r counted </proc/sys/vm/overcommit_memory; } 2>/dev/null",
  `if [ "$counted" != 2 ] && [ "$soft" != unlimited ] && [ "$soft" -lt ${STACK_KIB} ]`,
  `then ulimit -S -s ${STACK_KIB} 2>/dev/null || ulimit -S -s "$(ulimit -H -s)" 2>/dev/null`,
  "fi",
  'exec "$0" "$@"',
].join("\n");

const SHELL = "/bin/sh";

/**
 * How to start a program that runs llama.cpp: with a large stack, and with huge pages. A process gets both when
 * it starts, so a shell sets them and then runs the program by `exec`, with the same process id. Without a
 * shell (Windows) the program is started directly.
 */
export function forLlama(
  { command, args }: Executable,
  hasShell: () => boolean = shellIsThere,
): Executable {
  return hasShell()
    ? { command: SHELL, args: ["-c", PREPARE, command, ...args] }
    : { command, args };
}

function shellIsThere(): boolean {
  if (Deno.build.os === "windows") return false;
  try {
    return Deno.statSync(SHELL).isFile;
  } catch {
    return false;
  }
}
