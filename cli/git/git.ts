import { sendSignal } from "#shared/process.ts";
import { onAbort } from "#shared/aborts.ts";
import { LlorchError } from "#shared/errors.ts";
import type { Context } from "../context.ts";
import { commandName, explainGitFailure } from "./failure.ts";

/** Git counts as hung when it prints nothing for this long, in milliseconds. */
const SILENCE_MS = 120_000;

/** After an interrupt git gets this long to clean up, in milliseconds. */
const END_TIMEOUT_MS = 5_000;

/** How much of git's error output is kept, in characters. */
const MAX_ERROR_CHARS = 65_536;

/** No prompts, no translated messages, and reading a repository writes nothing. */
const ENVIRONMENT = { GIT_TERMINAL_PROMPT: "0", LC_ALL: "C", GIT_OPTIONAL_LOCKS: "0" };

/**
 * Git works on one repository at a time, whatever the user has configured: otherwise a `reset`
 * would descend into submodules before their contents are checked.
 */
const CONFIG = ["-c", "submodule.recurse=false"];

/** An HTTP server that sends less than a KiB/s for half a minute is given up. */
const NETWORK_CONFIG = ["-c", "http.lowSpeedLimit=1024", "-c", "http.lowSpeedTime=30"];

const SSH = "ssh -o BatchMode=yes -o ConnectTimeout=10 -o ServerAliveInterval=15";

/** Exit code and output of git. */
export interface GitResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The system's git, in one folder. */
export interface Git {
  readonly cwd: string;
  /** The same in another folder. */
  at(cwd: string): Git;
  /** Runs git, whatever its exit code. */
  attempt(args: readonly string[]): Promise<GitResult>;
  /**
   * Runs git and returns its standard output.
   *
   * @throws {LlorchError} with one sentence on what went wrong
   */
  run(args: readonly string[]): Promise<string>;
  /** The same for commands that talk to another host; on a terminal their progress is shown. */
  talk(args: readonly string[]): Promise<string>;
}

/** The parts of a {@linkcode Context} that git needs. */
export type GitContext = Pick<Context, "env" | "stderr" | "signal">;

/**
 * The system's git.
 *
 * @param showProgress Gets what git prints while it talks to another host.
 * @throws {LlorchError} from its methods, see {@linkcode Git}: `NOT_FOUND` without git, `TIMEOUT` if git
 * hangs
 */
export function systemGit(
  context: GitContext,
  cwd: string,
  showProgress: (text: string) => void = () => {},
): Git {
  const { signal } = context;
  const attempt = (args: readonly string[]) => execute({ args, cwd, signal });
  const checked = ({ code, stdout, stderr }: GitResult, args: readonly string[]) => {
    if (code === 0) return stdout;
    throw explainGitFailure({ args, cwd, code, stderr });
  };
  return {
    cwd,
    attempt,
    at: (other) => systemGit(context, other, showProgress),
    run: async (args) => checked(await attempt(args), args),
    async talk(args) {
      const env = await sshEnvironment(context, attempt);
      const all = [...NETWORK_CONFIG, ...args];
      return checked(await execute({ args: all, cwd, signal, env, showProgress }), args);
    },
  };
}

/** Keeps ssh from asking, unless the user has an ssh command of their own. */
async function sshEnvironment(
  { env }: GitContext,
  attempt: Git["attempt"],
): Promise<Record<string, string>> {
  if (env("GIT_SSH_COMMAND") ?? env("GIT_SSH")) return {};
  const { code } = await attempt(["config", "--get", "core.sshCommand"]);
  return code === 0 ? {} : { GIT_SSH_COMMAND: SSH };
}

interface Execution {
  readonly args: readonly string[];
  readonly cwd: string;
  readonly signal: AbortSignal;
  readonly env?: Record<string, string>;
  readonly showProgress?: (text: string) => void;
}

async function execute(execution: Execution): Promise<GitResult> {
  const { args, signal, showProgress } = execution;
  signal.throwIfAborted();
  const child = spawn(execution);
  let silent = false;
  let killer: ReturnType<typeof setTimeout> | undefined;
  const stop = () => {
    send(child, "SIGINT");
    killer ??= setTimeout(() => send(child, "SIGKILL"), END_TIMEOUT_MS);
  };
  const hang = () => {
    silent = true;
    stop();
  };
  let timer = setTimeout(hang, SILENCE_MS);
  const forget = onAbort(signal, stop);
  const read = async (stream: ReadableStream<Uint8Array>, limit: number, show?: Show) => {
    let text = "";
    const decoder = new TextDecoder();
    for await (const bytes of stream) {
      clearTimeout(timer);
      timer = setTimeout(hang, SILENCE_MS);
      const part = decoder.decode(bytes, { stream: true });
      show?.(part);
      text = (text + part).slice(-limit);
    }
    return text;
  };
  try {
    const [stdout, stderr, { code }] = await Promise.all([
      read(child.stdout, Infinity),
      read(child.stderr, MAX_ERROR_CHARS, showProgress),
      child.status,
    ]);
    signal.throwIfAborted();
    if (!silent) return { code, stdout, stderr };
    throw new LlorchError(
      "TIMEOUT",
      `${commandName(args)} printed nothing for ${
        SILENCE_MS / 1000
      } s and was stopped: check the network, then try again`,
    );
  } finally {
    clearTimeout(timer);
    clearTimeout(killer);
    forget();
  }
}

type Show = (text: string) => void;

function spawn({ args, cwd, env }: Execution): Deno.ChildProcess {
  try {
    return new Deno.Command("git", {
      args: [...CONFIG, ...args],
      cwd,
      env: { ...ENVIRONMENT, ...env },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
      // A process group of its own, so that what git starts, such as ssh, can be ended with it.
      detached: true,
    }).spawn();
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new LlorchError("NOT_FOUND", "Cannot find git: install it, or put it on PATH", {
      cause: error,
    });
  }
}

/** Sends a signal to git and to all that it has started. */
function send({ pid }: Deno.ChildProcess, signal: Deno.Signal): void {
  sendSignal(Deno.build.os === "windows" ? pid : -pid, signal);
}

/** Git in the context's folder; shows its progress on a terminal unless `quiet`. */
export function talkingGit(context: Context, { quiet }: { readonly quiet: boolean }): Git {
  const { stderr, cwd } = context;
  const show = !quiet && stderr.isTerminal;
  return systemGit(context, cwd, show ? (text) => stderr.draw(text) : undefined);
}
