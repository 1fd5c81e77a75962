import { UsageError } from "#shared/lifecycle.ts";

/** A command line, and the host that `--remote` named. */
export interface Split {
  readonly host: string | undefined;
  /** Without `--remote` and its host. */
  readonly args: readonly string[];
}

/**
 * Removes `--remote HOST` from a command line. Words after `--` belong to another program.
 *
 * @throws {UsageError} when the host is missing or there are two
 */
export function splitRemote(args: readonly string[]): Split {
  const end = args.indexOf("--");
  const own = end === -1 ? args : args.slice(0, end);
  const at = own.findIndex((arg) => arg === "--remote" || arg.startsWith("--remote="));
  const flag = own[at];
  if (flag === undefined) return { host: undefined, args };
  const isJoined = flag.startsWith("--remote=");
  const host = isJoined ? flag.slice("--remote=".length) : own[at + 1];
  if (!host) throw new UsageError("--remote needs a host: llorch --remote HOST …");
  const rest = args.toSpliced(at, isJoined ? 1 : 2);
  if (splitRemote(rest).host !== undefined) throw new UsageError("--remote can be given only once");
  return { host, args: rest };
}
