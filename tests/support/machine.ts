import { until, within } from "./stack.ts";

/** Result of a command that has ended. */
export interface CommandResult {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** A booted Debian with its own systemd and no network but loopback; changes are thrown away. */
export interface Machine {
  /** Runs a command until it ends. */
  run(command: string, ...args: string[]): Promise<CommandResult>;
  /** Runs a line of sh and returns its output; throws if it fails. */
  sh(line: string): Promise<string>;
}

/**
 * Boots a root folder with systemd-nspawn, runs a test in the machine, and ends it.
 *
 * @param binds Folders of this machine to mount there, read-only: `/from:/to`.
 */
export async function withMachine(
  root: string,
  binds: readonly string[],
  test: (machine: Machine) => Promise<void>,
): Promise<void> {
  const nspawn = new Deno.Command("systemd-nspawn", {
    args: [
      "--quiet",
      `--directory=${root}`,
      // Reads from the folder, writes to memory.
      "--volatile=overlay",
      "--boot",
      "--register=no",
      "--keep-unit",
      "--private-network",
      "--console=pipe",
      "--machine=llorch-test",
      ...binds.map((bind) => `--bind-ro=${bind}`),
    ],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const console = collect(nspawn.stdout);
  const errors = collect(nspawn.stderr);
  let leader: number | undefined;
  try {
    leader = await leaderOf(nspawn.pid);
    const run = async (command: string, ...args: string[]): Promise<CommandResult> => {
      const { code, stdout, stderr } = await within(
        new Deno.Command("nsenter", {
          args: [`--target=${leader}`, "--all", "--", command, ...args],
          clearEnv: true,
          env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL: "C.UTF-8", HOME: "/root" },
          stdin: "null",
        }).output(),
        [command, ...args].join(" "),
        120_000,
      );
      const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes).trimEnd();
      return { code, out: text(stdout), err: text(stderr) };
    };
    const machine: Machine = {
      run,
      async sh(line) {
        const { code, out, err } = await run("sh", "-ec", line);
        if (code === 0) return out;
        throw new Error(`${line} ended with code ${code}:\n${out}\n${err}`);
      },
    };
    await until("the machine has booted", async () => {
      return /running|degraded/.test((await run("systemctl", "is-system-running")).out);
    });
    await test(machine);
  } catch (error) {
    globalThis.console.error(`${console()}\n${errors()}`.split("\n").slice(-20).join("\n"));
    throw error;
  } finally {
    // When the machine's first process dies, the kernel ends all others; then nspawn exits.
    Deno.kill(leader ?? nspawn.pid, "SIGKILL");
    await nspawn.status;
  }
}

/**
 * Process id of the machine's init: the child of nspawn that is process 1 in its own namespace.
 * While nspawn sets the machine up, it has another child too.
 */
async function leaderOf(pid: number): Promise<number> {
  let leader: number | undefined;
  await until("the machine has a first process", () => {
    const children = Deno.readTextFileSync(`/proc/${pid}/task/${pid}/children`).trim().split(" ");
    leader = children.map(Number).find(isFirstOfItsNamespace);
    return leader !== undefined;
  });
  return leader!;
}

function isFirstOfItsNamespace(pid: number): boolean {
  try {
    return /^NSpid:\t\d+\t1$/m.test(Deno.readTextFileSync(`/proc/${pid}/status`));
  } catch {
    return false; // The process has ended.
  }
}

function collect(stream: ReadableStream<Uint8Array>): () => string {
  let text = "";
  (async () => {
    for await (const part of stream.pipeThrough(new TextDecoderStream())) text += part;
  })();
  return () => text;
}
