import type { Detail } from "./detail.ts";

/** How a call is held. */
export interface CallWriting {
  readonly detail: Detail;
  /** Whether it has nothing but what the template writes; otherwise all that the reader knows. */
  readonly isExact: boolean;
}
