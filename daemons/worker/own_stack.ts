import { STACK_KIB } from "#shared/for_llama.ts";

/** `RLIMIT_STACK` of Linux. */
const RLIMIT_STACK = 3;
/** Memory below the stack that it never takes: the kernel keeps a gap of 1 MiB there. */
const GAP_BYTES = 16 * 1024 * 1024;

/**
 * Raises the limit of this process's stack, if it was started with a small one: a pool manager and
 * `llorch worker start` give it a large one, a person and other supervisors do not. Linux alone lets
 * the stack of the first thread, which tokenizes, grow up to a limit that was raised after its start,
 * as far as nothing else is below it. Other threads have their size from the start.
 */
export function takeLargeStack(): void {
  if (Deno.build.os !== "linux") return;
  try {
    const [, soft, hard] = /^Max stack size\s+(\S+)\s+(\S+)/m.exec(
      Deno.readTextFileSync("/proc/self/limits"),
    )!;
    const room = roomBelowStack(Deno.readTextFileSync("/proc/self/maps")) - GAP_BYTES;
    const wanted = Math.min(STACK_KIB * 1024, room, hard === "unlimited" ? Infinity : Number(hard));
    if (soft !== "unlimited" && Number(soft) < wanted) setLimit(wanted, hard!);
  } catch {
    // Then the small stack must suffice: long texts are tokenized in pieces.
  }
}

/**
 * Bytes from the memory below the stack to the stack's beginning.
 *
 * @param maps Content of `/proc/self/maps`, in the order of addresses.
 */
export function roomBelowStack(maps: string): number {
  let below = 0n;
  for (const line of maps.split("\n")) {
    const [, begin, end] = /^([0-9a-f]+)-([0-9a-f]+) /.exec(line) ?? [];
    if (begin === undefined) continue;
    if (line.endsWith("[stack]")) return Number(BigInt(`0x${begin}`) - below);
    below = BigInt(`0x${end}`);
  }
  return 0;
}

function setLimit(soft: number, hard: string): void {
  const infinity = 2n ** 64n - 1n;
  const limits = new BigUint64Array([
    BigInt(Math.floor(soft)),
    hard === "unlimited" ? infinity : BigInt(hard),
  ]);
  const libc = Deno.dlopen(
    "libc.so.6",
    { setrlimit: { parameters: ["i32", "buffer"], result: "i32" } } as const,
  );
  try {
    libc.symbols.setrlimit(RLIMIT_STACK, limits);
  } finally {
    libc.close();
  }
}
