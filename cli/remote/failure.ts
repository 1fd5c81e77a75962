/** Messages of ssh, and what to do about each. `HOST` is the host as the user wrote it. */
const HINTS: readonly (readonly [said: RegExp, advice: string])[] = [
  [/could not resolve hostname/i, "check the name, or llorch remote hosts add it"],
  [/connection refused/i, "check that sshd runs there, and its port"],
  [/timed out|no route to host|network is unreachable/i, "check the address and the network"],
  [
    /host key verification failed|identification has changed/i,
    "ssh HOST once by hand, to check its key",
  ],
  [
    /permission denied|too many authentication failures/i,
    "add your key there, or load it: ssh-add",
  ],
  [/bad configuration option|bad owner or permissions|unknown option/i, "correct ~/.ssh/config"],
];

/**
 * Why ssh failed, in one sentence.
 *
 * @param host As the user wrote it.
 * @param log What ssh wrote to its log.
 */
export function sshFailure(host: string, log: string): string {
  const lines = log.split(/\r?\n/).map((line) => line.trim()).filter((line) => line !== "");
  const said = lines.find((line) => HINTS.some(([pattern]) => pattern.test(line))) ??
    lines.at(-1) ??
    "";
  const reason = said.replace(/^ssh: /, "").replace(/[.\s]+$/, "");
  const advice = HINTS.find(([pattern]) => pattern.test(said))?.[1] ?? "try ssh HOST by hand";
  return `Cannot reach ${host} over ssh: ${reason}; ${advice.replace("HOST", host)}`;
}
