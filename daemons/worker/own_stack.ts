import { STACK_KIB, withLargeStack } from "#shared/large_stack.ts";

/** Set once a worker has tried, so that it does so only once. */
const TRIED = "LLORCH_STACK_TRIED";

/**
 * Runs this program again by `exec` with a large stack, if it was started with a small one: a pool
 * manager and `llorch worker start` give it a large one, a person and other supervisors do not. The
 * process keeps its id, arguments, files and environment. Only Linux has the files for this.
 */
export function takeLargeStack(): void {
  if (Deno.build.os !== "linux" || Deno.env.has(TRIED) || !isSmall()) return;
  Deno.env.set(TRIED, "1");
  try {
    const [, ...args] = Deno.readTextFileSync("/proc/self/cmdline").split("\0").slice(0, -1);
    const program = withLargeStack({ command: Deno.execPath(), args });
    if (program.command !== Deno.execPath()) replaceProcess(program.command, program.args);
  } catch {
    // Then the small stack must suffice: long texts are tokenized in pieces.
  }
}

function isSmall(): boolean {
  try {
    const limits = Deno.readTextFileSync("/proc/self/limits");
    const [, soft, hard] = /^Max stack size\s+(\S+)\s+(\S+)/m.exec(limits) ?? [];
    return Number(soft) < STACK_KIB * 1024 && soft !== hard;
  } catch {
    return false;
  }
}

/** Calls execv(3), which returns only if it fails. */
function replaceProcess(command: string, args: readonly string[]): void {
  const libc = Deno.dlopen(
    "libc.so.6",
    { execv: { parameters: ["buffer", "buffer"], result: "i32" } } as const,
  );
  try {
    const words = [command, ...args].map((word) => new TextEncoder().encode(`${word}\0`));
    const pointers = words.map((word) => Deno.UnsafePointer.value(Deno.UnsafePointer.of(word)));
    libc.symbols.execv(words[0]!, new BigUint64Array([...pointers.map(BigInt), 0n]));
  } finally {
    libc.close();
  }
}
