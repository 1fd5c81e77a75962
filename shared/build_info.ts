/** How a built executable carries its runtime. */
export type RuntimeKind = "compile" | "portable";

/** What a program was made from. */
export interface BuildInfo {
  /** The hash's first twelve digits; ends in `-dirty` where the sources had changes that were not committed. */
  readonly commit: string;
  /** Day of the commit: `2026-11-23`. */
  readonly date: string;
  readonly runtime: RuntimeKind;
}

/** Of a built executable: the build writes this file anew in its own copy. None in a checkout. */
export const BUILD_INFO: BuildInfo | undefined = undefined as BuildInfo | undefined;
