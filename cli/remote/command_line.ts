import type { HostConfig } from "../config/schema.ts";
import { quoteProgram, quoteWords } from "./quote.ts";

/** ssh gives up on a host that does not answer within this time, in seconds. */
const CONNECT_TIMEOUT_S = 10;

/**
 * A shell script that runs the command in its arguments and watches the ssh session: when the
 * session has ended (Ctrl-C here, or a network failure), the command and its children get SIGINT,
 * as if it had been typed there, and SIGTERM ten seconds later. The watch ends within a second
 * after the command.
 *
 * Without it, a command that prints nothing would keep running: ssh passes on no signals without a
 * terminal, and a terminal there (`ssh -t`) would mix stdout and stderr and change bytes.
 */
const WATCHED = `session=$PPID
tell() { kill -s $1 -- -$$ || kill -s $1 $$; }
{
  trap "" INT TERM
  while kill -0 $$; do
    kill -0 $session || break
    sleep 1
  done
  kill -0 $$ || exit
  tell INT
  for second in 1 2 3 4 5 6 7 8 9 10; do
    sleep 1
    kill -0 $$ || exit
  done
  tell TERM
} </dev/null >/dev/null 2>&1 &
command -v "$1" >/dev/null || exit 127
exec "$@"`;

/** A program and its arguments on another machine. */
export interface RemoteCommand {
  /** A path may begin with `~/`. */
  readonly program: string;
  readonly args: readonly string[];
}

/**
 * The command line for the login shell there. Every word is in single quotes, and the shell passes
 * the words on as arguments, so that nothing is evaluated twice.
 */
export function shellLine({ program, args }: RemoteCommand): string {
  const words = [quoteProgram(program), quoteWords(args)].filter((part) => part !== "");
  return `exec sh -c ${quoteWords([WATCHED, "llorch"])} ${words.join(" ")}`;
}

/**
 * The arguments of ssh. Everything else comes from ssh's own configuration: keys, agent, jump
 * hosts, known hosts.
 *
 * @param logFile Gets the messages of ssh itself, apart from those of the command there.
 */
export function sshArguments(host: HostConfig, command: RemoteCommand, logFile: string): string[] {
  return [
    "-T",
    ...["-E", logFile],
    ...["-o", "BatchMode=yes"],
    ...["-o", `ConnectTimeout=${CONNECT_TIMEOUT_S}`],
    ...(host.port === undefined ? [] : ["-p", String(host.port)]),
    ...(host.user === undefined ? [] : ["-l", host.user]),
    ...(host.args ?? []),
    "--",
    host.address,
    shellLine(command),
  ];
}
