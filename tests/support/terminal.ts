/**
 * A terminal for tests. Python opens it, as Deno has no API for that.
 *
 * @module
 */
import { LLORCH } from "./llorch.ts";

/**
 * Runs a program on a new terminal. Once the program has written the expected text, sends it keys
 * or a signal. Prints the program's exit code and output as JSON.
 */
const SCRIPT = `
import json, os, pty, select, signal, sys, time
wait, keys, name, hangs_up, argv = *sys.argv[1:5], sys.argv[5:]
pid, fd = pty.fork()
if pid == 0:
    # Python may have inherited an ignored SIGHUP: the tests may run under nohup.
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    os.execvp(argv[0], argv)
text, sent, deadline = "", False, time.monotonic() + 30
while time.monotonic() < deadline:
    if select.select([fd], [], [], 0.1)[0]:
        try:
            part = os.read(fd, 65536)
        except OSError:
            break
        if not part:
            break
        text += part.decode(errors="replace")
    if not sent and wait in text:
        sent = True
        if keys: os.write(fd, keys.encode())
        if name: os.kill(pid, getattr(signal, name))
        if hangs_up:
            os.close(fd)
            break
else:
    os.kill(pid, signal.SIGKILL)
done, status = 0, 0
while not done and time.monotonic() < deadline:
    done, status = os.waitpid(pid, os.WNOHANG)
    time.sleep(0 if done else 0.02)
if not done:
    os.kill(pid, signal.SIGKILL)
    status = os.waitpid(pid, 0)[1]
print(json.dumps({"code": os.waitstatus_to_exitcode(status), "text": text}))
`;

/** What a person does once the text `when` is on the screen. */
export interface Gesture {
  readonly when: string;
  /** Keys, e.g. `y\\r` or `\\x03`, which is Ctrl-C. */
  readonly keys?: string;
  readonly signal?: "SIGTERM" | "SIGHUP";
  /** Closes the terminal. */
  readonly hangsUp?: boolean;
}

/** Whether Python is installed and can open a terminal. */
export const hasTerminal: boolean = (() => {
  try {
    const args = ["-c", "import pty, os; os.waitstatus_to_exitcode"];
    return new Deno.Command("python3", { args, stdout: "null", stderr: "null" }).outputSync()
      .success;
  } catch {
    return false;
  }
})();

/** Exit code and output of a program on a terminal. */
interface Shown {
  /** The exit code; `-N` if signal N ended the program. */
  readonly code: number;
  readonly text: string;
}

/** Runs the real `llorch` on a terminal until it ends. */
export function onTerminal(
  args: readonly string[],
  gesture: Gesture,
  env: Record<string, string>,
): Promise<Shown> {
  return commandOnTerminal([...LLORCH, ...args], gesture, env);
}

/** Runs any command on a terminal until it ends. */
export async function commandOnTerminal(
  command: readonly string[],
  { when, keys = "", signal, hangsUp = false }: Gesture,
  env: Record<string, string>,
  cwd?: string,
): Promise<Shown> {
  const { stdout } = await new Deno.Command("python3", {
    args: ["-c", SCRIPT, when, keys, signal ?? "", hangsUp ? "yes" : "", ...command],
    env,
    ...(cwd === undefined ? {} : { cwd }),
    stdin: "null",
    stderr: "inherit",
  }).output();
  return JSON.parse(new TextDecoder().decode(stdout));
}
