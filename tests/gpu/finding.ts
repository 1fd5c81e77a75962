/** One thing that a step measured or checked. */
export interface Finding {
  readonly name: string;
  /** With its unit, for people. */
  readonly value: string;
  /** Whether a check passed; absent: a figure that is only shown. */
  readonly isOk?: boolean;
  /** The figures behind it, for programs; sizes in bytes. */
  readonly figures?: Readonly<Record<string, number>>;
}

/** What a step gets. */
export interface StepContext {
  /** Whether the CPU is used, since this is a test of the check itself. */
  readonly onCpu: boolean;
  /** Folder of what is unpacked and built. */
  readonly work: string;
  /** Reports a finding; those before a failure or the time limit are kept. */
  readonly report: (finding: Finding) => void;
}

/** Does a step; throws if it cannot go on. */
export type StepWork = (context: StepContext) => Promise<void>;

/** Folder of libraries that were built elsewhere, which then are not built; undefined: none are given. */
export function givenLibraries(): string | undefined {
  return Deno.env.get("LLORCH_GPU_LIBRARIES") || undefined;
}

/** Folder of the built worker and the daemons, for `LLORCH_BIN_DIR`. */
export function binDir(work: string): string {
  return `${work}/bin`;
}

/** Bytes for people. */
export function mib(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(0)} MiB`;
}
