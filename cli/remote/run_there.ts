import { signalChild } from "#shared/process.ts";
import { onAbort } from "#shared/aborts.ts";
import { EXIT } from "#shared/defaults.ts";
import { LlorchError } from "#shared/errors.ts";
import { UsageError } from "#shared/lifecycle.ts";
import type { HostConfig } from "../config/schema.ts";
import type { Context } from "../context.ts";
import type { Output } from "../output/output.ts";
import { outputError } from "../output/process_output.ts";
import { type RemoteCommand, sshArguments } from "./command_line.ts";
import { sshFailure } from "./failure.ts";

/** Exit code of ssh when ssh itself failed; a command there may end with it too. */
const SSH_FAILED = 255;

/** Exit code of a shell when the program does not exist. */
const NO_SUCH_PROGRAM = 127;

/** After an interrupt ssh gets this long to end, in milliseconds. */
const END_TIMEOUT_MS = 2_000;

/**
 * Runs a command on another machine with the system's ssh, which shares our input and output.
 *
 * @param name The host as the user wrote it.
 * @returns the exit code of the command there; 130 after an interrupt
 * @throws {LlorchError} when ssh cannot reach the host
 */
export async function runThere(
  name: string,
  host: HostConfig,
  command: RemoteCommand,
  { stdout, stderr, signal }: Context,
): Promise<number> {
  const logFile = await Deno.makeTempFile({ prefix: "llorch-ssh-" });
  try {
    const code = await runSsh(sshArguments(host, command, logFile), stdout, signal);
    if (signal.aborted) return EXIT.interrupted;
    const log = await Deno.readTextFile(logFile);
    if (code === SSH_FAILED && log.trim() !== "") {
      throw new LlorchError("POOL_UNAVAILABLE", sshFailure(name, log));
    }
    stderr.write(log);
    if (code === SSH_FAILED) {
      stderr.write(`llorch: ${name}: ssh, or the command there, ended with ${SSH_FAILED}\n`);
    } else if (code === NO_SUCH_PROGRAM) {
      stderr.write(`llorch: ${name} has no ${command.program}; ${adviceFor(name, command)}\n`);
    }
    return code;
  } finally {
    await Deno.remove(logFile);
  }
}

/**
 * Runs ssh. Its output is passed through this process unless it goes to a terminal, because ssh
 * does not report that its output was closed, as `head` does.
 *
 * @throws {OutputClosed} when the output was closed
 */
async function runSsh(
  args: readonly string[],
  { isTerminal }: Output,
  signal: AbortSignal,
): Promise<number> {
  let child: Deno.ChildProcess;
  try {
    child = new Deno.Command("ssh", {
      args: [...args],
      stdin: "inherit",
      stdout: isTerminal ? "inherit" : "piped",
      stderr: "inherit",
    }).spawn();
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new UsageError("Cannot find ssh: install an OpenSSH client", { cause: error });
  }
  let killer: ReturnType<typeof setTimeout> | undefined;
  const stop = () => {
    signalChild(child, "SIGINT");
    killer = setTimeout(() => signalChild(child, "SIGKILL"), END_TIMEOUT_MS);
  };
  const forget = onAbort(signal, stop);
  let unwritten: unknown;
  const copied = isTerminal ? undefined : child.stdout
    .pipeTo(Deno.stdout.writable, { preventClose: true })
    .catch((error) => {
      unwritten = error;
      signalChild(child, "SIGTERM");
    });
  try {
    const { code } = await child.status;
    await copied;
    if (unwritten !== undefined && !signal.aborted) throw outputError(unwritten);
    return code;
  } finally {
    clearTimeout(killer);
    forget();
  }
}

function adviceFor(name: string, { program }: RemoteCommand): string {
  return program === "llorch"
    ? `set its path with llorch config set hosts.${name}.llorch PATH`
    : "check its path";
}
