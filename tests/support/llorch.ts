import { join } from "node:path";
import { ROOT } from "./stack.ts";

/** Result of a command that has ended. */
export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Environment and working directory of a command. */
export interface Surroundings {
  readonly env?: Record<string, string>;
  readonly cwd?: string;
}

/** Command line of the real `llorch`; append its arguments. */
export const LLORCH: readonly string[] = [
  Deno.execPath(),
  "run",
  "-q",
  "--no-prompt",
  "--unstable-lazy-dynamic-imports",
  `--config=${join(ROOT, "deno.json")}`,
  "-P=llorch",
  join(ROOT, "cli/main.ts"),
];

/**
 * Runs a command whose stdout is closed before it writes anything, as `head` does after some lines.
 */
export async function unread([command, ...args]: readonly string[]): Promise<Omit<Ran, "out">> {
  const child = new Deno.Command(command!, {
    args: [...args],
    cwd: ROOT,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  await child.stdout.cancel();
  const [{ code }, err] = await Promise.all([child.status, new Response(child.stderr).text()]);
  return { code, err };
}

/** Runs the real `llorch` until it ends, as a process without a terminal. */
export async function llorch(args: readonly string[], where: Surroundings = {}): Promise<Ran> {
  const [command, ...own] = LLORCH;
  const { code, stdout, stderr } = await new Deno.Command(command!, {
    args: [...own, ...args],
    stdin: "null",
    ...where,
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, out: text(stdout), err: text(stderr) };
}

/** Runs a test in a new home folder, without the machine's `XDG_*` and `LLORCH_*` variables. */
export async function withHome(
  test: (home: string, env: Record<string, string>) => Promise<void>,
): Promise<void> {
  const home = await Deno.makeTempDir({ prefix: "llorch-test-" });
  const ours = Object.keys(Deno.env.toObject()).filter((name) => /^(XDG|LLORCH)_/.test(name));
  // Deno keeps using its cache. An empty variable counts as unset.
  const env = {
    ...Object.fromEntries(ours.map((name) => [name, ""])),
    HOME: home,
    DENO_DIR: denoDir(),
  };
  try {
    await test(home, env);
  } finally {
    await Deno.remove(home, { recursive: true });
  }
}

function denoDir(): string {
  const { HOME = "", XDG_CACHE_HOME, DENO_DIR } = Deno.env.toObject();
  return DENO_DIR ?? join(XDG_CACHE_HOME || join(HOME, ".cache"), "deno");
}
