/** Which commit a program was made from. */
export interface BuildInfo {
  /** Short hash. */
  readonly commit: string;
  /** Day of the commit: `2026-11-23`. */
  readonly date: string;
}

/** Of a built executable: the build writes this file anew in its own copy. None in a checkout. */
export const BUILD_INFO: BuildInfo | undefined = undefined;
