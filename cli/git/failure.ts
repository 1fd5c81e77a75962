import { LlorchError } from "#shared/errors.ts";
import type { ErrorCode } from "#shared/errors.ts";

/** A git command that failed. */
export interface GitFailure {
  readonly args: readonly string[];
  readonly cwd: string;
  readonly code: number;
  readonly stderr: string;
}

/** What git's error output means; `$1` is what the pattern caught, `$cwd` the folder. */
type Rule = readonly [pattern: RegExp, code: ErrorCode, sentence: string];

/** In the order in which they are tried: git often prints the reason before its consequences. */
const RULES: readonly Rule[] = [
  [
    /detected dubious ownership in repository at '([^']+)'/,
    "FORBIDDEN",
    "Cannot use the repository $1, which belongs to someone else: git config --global --add safe.directory $1",
  ],
  [
    /not a git repository/i,
    "NOT_FOUND",
    "Cannot find a git repository in or above $cwd: change into one, or make one with llorch git clone URL",
  ],
  [
    /must be run in a work tree/,
    "INVALID_REQUEST",
    "Cannot work in $cwd: there are only git's own files (inside .git, or in a bare repository); change into a checkout",
  ],
  [
    /(?:not our ref|unadvertised object|did not contain) ([0-9a-f]{40,64})/,
    "NOT_FOUND",
    "Cannot fetch the commit $1: its remote does not have it; push it there, or record another commit",
  ],
  [
    /Could not resolve host(?:name)?:? ([^\s:]+)/,
    "POOL_UNAVAILABLE",
    "Cannot find the host $1: check its name and the network",
  ],
  [
    /(?:Failed to connect to|connect to host) (\S+) port (?:\d+)/i,
    "POOL_UNAVAILABLE",
    "Cannot reach $1: check that it is up, and the network",
  ],
  [
    /Network is unreachable|No route to host|Connection timed out|Operation too slow|Connection reset/,
    "POOL_UNAVAILABLE",
    "Cannot reach the other host: check the network, then try again",
  ],
  [
    /Host key verification failed/,
    "FORBIDDEN",
    "Cannot trust the host: its key is not known here; connect once with ssh and accept it",
  ],
  [
    /Authentication failed|could not read (?:Username|Password)|terminal prompts disabled|Permission denied \([a-z]|returned error: 40[13]/,
    "UNAUTHORIZED",
    "The host refuses access: check your SSH key or stored password, and that you may read the repository",
  ],
  [
    /(?:repository '([^']+)' (?:not found|does not exist)|'([^']+)' does not appear to be a git repository)/,
    "NOT_FOUND",
    "Cannot find the repository $1: check the address",
  ],
  [/Repository not found/i, "NOT_FOUND", "Cannot find the repository: check the address"],
  [
    /(\S+?)(?:\/info\/refs)? not valid: is this a git repository/,
    "NOT_FOUND",
    "Cannot find a git repository at $1: something else answers there; check the address",
  ],
  [
    /destination path '([^']+)' already exists/,
    "CONFLICT",
    "Cannot clone into $1: the folder exists and is not empty; choose another",
  ],
  [
    /transport '([^']+)' not allowed/,
    "FORBIDDEN",
    "Git is set up not to use the transport '$1': git config protocol.$1.allow",
  ],
  [
    /No space left on device/,
    "INTERNAL",
    "Cannot write: the disk is full; free some space, then try again",
  ],
  [
    /Unable to create '([^']+\.lock)': File exists/,
    "CONFLICT",
    "Another git process is at work here: wait for it, or remove $1 if none is running",
  ],
  [
    /(?:'([^']+)'|leading directories of '([^']+)'|\S+): (?:Permission denied|Read-only file system)/,
    "FORBIDDEN",
    "Cannot write $1: check who may write there",
  ],
  [
    /could not create (?:work tree dir|leading directories of) '([^']+)'/,
    "FORBIDDEN",
    "Cannot make the folder $1: choose one in a folder that you may write to",
  ],
  [
    /untracked working tree files would be overwritten[^\n]*\n\s+([^\n]+)/,
    "CONFLICT",
    "A file of your own is in the way: move $1 elsewhere, then try again",
  ],
  [
    /local changes to the following files would be overwritten[^\n]*\n\s+([^\n]+)/,
    "CONFLICT",
    "Local changes are in the way: commit or stash $1, then try again",
  ],
];

/** What went wrong and what to do, in one sentence. */
export function explainGitFailure({ args, cwd, code, stderr }: GitFailure): LlorchError {
  for (const [pattern, errorCode, sentence] of RULES) {
    const match = pattern.exec(stderr);
    if (!match) continue;
    const caught = hideSecrets(match.slice(1).find((each) => each !== undefined) ?? cwd);
    const message = sentence.replaceAll("$cwd", () => cwd).replaceAll("$1", () => caught);
    return new LlorchError(errorCode, message);
  }
  const lines = stderr.split(/[\r\n]+/).filter((line) => line.trim() !== "");
  const said = lines.find((line) => /^(?:fatal|error): /.test(line)) ?? lines.at(-1);
  const reason = said?.replace(/^(?:fatal|error): /, "") ?? `it ended with code ${code}`;
  return new LlorchError("INTERNAL", `${commandName(args)} failed: ${hideSecrets(reason)}`);
}

/** The command that some arguments are for, git's own options before it left out: `git fetch`. */
export function commandName(args: readonly string[]): string {
  const at = args.findIndex((arg, index) => !arg.startsWith("-") && args[index - 1] !== "-c");
  return at < 0 ? "git" : `git ${args[at]}`;
}

/** Takes names and passwords out of addresses. */
export function hideSecrets(text: string): string {
  return text.replace(/(\w+:\/\/)[^\s/@]+@/g, "$1");
}
