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
const HUGE_PAGES = ': "${GLIBC_TUNABLES=glibc.malloc.hugetlb=1}"; export GLIBC_TUNABLES';

/**
 * Most MiB of one half of V8's young generation in each thread of a worker. Without a bound it grows with the
 * rate of requests, and nothing could say beforehand how much memory a worker takes.
 */
export const SEMI_SPACE_MIB = 4;

/** A flag of V8 for {@linkcode SEMI_SPACE_MIB}, for executables that are compiled, which read no `DENO_V8_FLAGS`. */
export const YOUNG_HEAP_FLAG: string = `--max-semi-space-size=${SEMI_SPACE_MIB}`;

/** A line for shells that bounds the young generation. Flags of V8 that are set stay as they are. */
const YOUNG_HEAP = `: "\${DENO_V8_FLAGS:=${YOUNG_HEAP_FLAG}}"; export DENO_V8_FLAGS`;

/** Lines for shells that set what has to be in the environment when a worker starts. */
export const WORKER_ENVIRONMENT: string = [HUGE_PAGES, YOUNG_HEAP].join("\n");

/**
 * Raises the soft limit as far as the hard limit allows, never lowers it, and then runs the program
 * by `exec`. If Linux counts address space as memory (overcommit_memory is 2), nothing is raised,
 * since the stacks of all threads would count.
 */
const PREPARE = [
  WORKER_ENVIRONMENT,
  "soft=$(ulimit -S -s) counted=0",
  "{ read -r counted </proc/sys/vm/overcommit_memory; } 2>/dev/null",
  `if [ "$counted" != 2 ] && [ "$soft" != unlimited ] && [ "$soft" -lt ${STACK_KIB} ]`,
  `then ulimit -S -s ${STACK_KIB} 2>/dev/null || ulimit -S -s "$(ulimit -H -s)" 2>/dev/null`,
  "fi",
  'exec "$0" "$@"',
].join("\n");

const SHELL = "/bin/sh";

/**
 * How to start a program that runs llama.cpp: with a large stack, huge pages and a bounded heap. A process gets
 * them when it starts, so a shell sets them and then runs the program by `exec`, with the same process id. Without a
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
