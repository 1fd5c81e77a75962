/** How a built executable contains its runtime. */
export type RuntimeKind = "compile" | "portable";

/** The sources and the kind of a built executable. */
export interface BuildInfo {
  /** First 12 digits of the commit's hash; ends in `-dirty` if there were uncommitted changes. */
  readonly commit: string;
  /** Day of the commit: `2026-11-23`. */
  readonly date: string;
  readonly runtime: RuntimeKind;
}

/** Undefined in a checkout; the build replaces this file in its own copy of the sources. */
export const BUILD_INFO: BuildInfo | undefined = undefined as BuildInfo | undefined;
