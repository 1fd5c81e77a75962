import type { Machine } from "./machine.ts";

/** What one check found. */
export interface Finding {
  /** What was looked at. */
  readonly name: string;
  /** `warn`: llorch runs, but not as one would wish; `fail`: it does not run. */
  readonly status: "ok" | "warn" | "fail";
  readonly message: string;
  /** What to do about it. */
  readonly fix?: string;
}

/** One check; it looks at the machine and never changes it. */
export type Check = (machine: Machine) => Promise<Finding[]>;
