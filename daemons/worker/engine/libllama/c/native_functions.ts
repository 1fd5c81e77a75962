/**
 * Functions of C that C itself calls, from threads in which no JavaScript may run.
 *
 * @module
 */

/** Where the system's C library is; undefined on Windows. */
const LIBC = { linux: "libc.so.6", darwin: "libSystem.B.dylib" }[Deno.build.os as string];
/** The handle that means all open libraries. */
const ALL_LIBRARIES = Deno.build.os === "darwin" ? 2n ** 64n - 2n : 0n;

/** Addresses of functions; null where the system has no such library. */
export interface NativeFunctions {
  /**
   * An abort callback: called with a C string, it says whether that string has characters, as its
   * length is not 0 then.
   */
  readonly isNotEmpty: Deno.PointerValue;
  /** A log callback that does nothing: it takes no arguments and has no effect. */
  readonly nothing: Deno.PointerValue;
}

/**
 * Ends the process at once, without the destructors of C. Only on Windows, it returns.
 */
export function endProcess(code: number): void {
  if (LIBC === undefined) return;
  // What the log has not written yet.
  globalThis.dispatchEvent(new Event("unload"));
  Deno.dlopen(LIBC, { _exit: { parameters: ["i32"], result: "void" } } as const).symbols._exit(
    code,
  );
}

/** Finds them. */
export function nativeFunctions(): NativeFunctions {
  if (LIBC === undefined) return { isNotEmpty: null, nothing: null };
  const { symbols } = Deno.dlopen(
    LIBC,
    { dlsym: { parameters: ["pointer", "buffer"], result: "pointer" } } as const,
  );
  const encoder = new TextEncoder();
  const find = (name: string) =>
    symbols.dlsym(Deno.UnsafePointer.create(ALL_LIBRARIES), encoder.encode(`${name}\0`));
  return { isNotEmpty: find("strlen"), nothing: find("getppid") };
}
