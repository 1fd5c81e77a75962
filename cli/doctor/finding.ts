import type { Machine } from "./machine.ts";

/** What one check found. */
export interface Finding {
  /** What was checked. */
  readonly name: string;
  /** `warn`: llorch runs, but something is not as it should be; `fail`: it does not run. */
  readonly status: "ok" | "warn" | "fail";
  readonly message: string;
  /** What to do about it. */
  readonly fix?: string;
}

/** One check; it never changes the machine. */
export type Check = (machine: Machine) => Promise<Finding[]>;
