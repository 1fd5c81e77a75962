import { UsageError } from "../lifecycle.ts";

/** A key whose value does not go with others. {@linkcode loadConfig} adds where it was set. */
export class FaultyKey extends UsageError {
  /** Path of the key. */
  readonly key: readonly string[];
  readonly reason: string;

  constructor(key: readonly string[], reason: string) {
    super(`${key.join(".")}: ${reason}`);
    this.key = key;
    this.reason = reason;
  }
}
