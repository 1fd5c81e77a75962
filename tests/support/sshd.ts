import { join } from "node:path";
import { readLines } from "#shared/lines.ts";
import { within } from "./stack.ts";

/** A real sshd on loopback with its own keys, and the settings for ssh to reach it. */
export interface Sshd {
  readonly port: number;
  /**
   * Arguments that make ssh use the test's key and known hosts, and nothing of the user's settings.
   */
  readonly sshArgs: readonly string[];
}

/** Usual paths of sshd, which is often not on PATH. */
const PLACES = ["/usr/sbin/sshd", "/usr/local/sbin/sshd", "/usr/bin/sshd"];

/** Why no sshd can run on this machine; undefined if one can. */
export function sshdMissing(): string | undefined {
  if (!PLACES.some(exists)) return "no sshd";
  return onPath("ssh") && onPath("ssh-keygen") ? undefined : "no ssh";
}

/** Runs a test with an sshd that accepts this user, and ends it afterwards. */
export async function withSshd(
  folder: string,
  env: Readonly<Record<string, string>>,
  test: (sshd: Sshd) => Promise<void>,
): Promise<void> {
  await keygen(join(folder, "host_key"));
  await keygen(join(folder, "client_key"));
  const publicKey = await Deno.readTextFile(join(folder, "client_key.pub"));
  await Deno.writeTextFile(join(folder, "authorized_keys"), publicKey, { mode: 0o600 });
  const port = freePort();
  const config = [
    `ListenAddress 127.0.0.1:${port}`,
    `HostKey ${join(folder, "host_key")}`,
    `AuthorizedKeysFile ${join(folder, "authorized_keys")}`,
    "PidFile none",
    "StrictModes no",
    "UsePAM no",
    "PasswordAuthentication no",
    "PermitRootLogin prohibit-password",
    ...(Object.keys(env).length === 0 ? [] : [
      `SetEnv ${Object.entries(env).map(([name, value]) => `"${name}=${value}"`).join(" ")}`,
    ]),
  ];
  await Deno.writeTextFile(join(folder, "sshd_config"), config.join("\n") + "\n");
  const hostKey = (await Deno.readTextFile(join(folder, "host_key.pub"))).split(" ").slice(0, 2);
  await Deno.writeTextFile(
    join(folder, "known_hosts"),
    `[127.0.0.1]:${port} ${hostKey.join(" ")}\n`,
  );
  // As root, sshd needs the folder for privilege separation that Debian's service creates.
  if (Deno.uid() === 0) await Deno.mkdir("/run/sshd", { recursive: true, mode: 0o755 });
  const sshd = new Deno.Command(PLACES.find(exists)!, {
    args: ["-D", "-e", "-f", join(folder, "sshd_config")],
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  const lines = readLines(sshd.stderr);
  try {
    await within(listening(lines), "sshd listens");
    const drained = drain(lines);
    const sshArgs = [
      ...["-F", "none"],
      ...["-i", join(folder, "client_key")],
      ...["-o", "IdentitiesOnly=yes"],
      ...["-o", `UserKnownHostsFile=${join(folder, "known_hosts")}`],
      ...["-o", "GlobalKnownHostsFile=/dev/null"],
      ...["-o", "StrictHostKeyChecking=yes"],
    ];
    await test({ port, sshArgs });
    sshd.kill("SIGTERM");
    await drained;
  } catch (error) {
    sshd.kill("SIGTERM");
    throw error;
  } finally {
    await sshd.status;
  }
}

async function listening(lines: AsyncGenerator<string>): Promise<void> {
  const log: string[] = [];
  while (true) {
    const { done, value } = await lines.next();
    if (done) throw new Error(`sshd ended:\n${log.join("\n")}`);
    if (value.includes("Server listening")) return;
    log.push(value);
  }
}

async function drain(lines: AsyncGenerator<string>): Promise<void> {
  for await (const _ of lines);
}

async function keygen(path: string): Promise<void> {
  const { success, stderr } = await new Deno.Command("ssh-keygen", {
    args: ["-q", "-t", "ed25519", "-N", "", "-f", path],
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
}

function freePort(): number {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  return port;
}

function exists(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

/** Whether a program is on `PATH`. */
export function onPath(name: string): boolean {
  return (Deno.env.get("PATH") ?? "").split(":").some((dir) => exists(join(dir, name)));
}
