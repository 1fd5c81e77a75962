import { join } from "node:path";
import { ROOT } from "./stack.ts";

/** What a whole command line left. */
export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Where a command line runs. */
export interface Surroundings {
  readonly env?: Record<string, string>;
  readonly cwd?: string;
}

/** How the real `llorch` is started: append its arguments. */
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

/** Runs a command whose reader leaves before it has written a word, as `head` does after some. */
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

/** Runs the real `llorch` to its end, as a process without a terminal. */
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

/** Runs a test in a home folder of its own, without any `XDG_*` or `LLORCH_*` of the machine. */
export async function withHome(
  test: (home: string, env: Record<string, string>) => Promise<void>,
): Promise<void> {
  const home = await Deno.makeTempDir({ prefix: "llorch-test-" });
  const ours = Object.keys(Deno.env.toObject()).filter((name) => /^(XDG|LLORCH)_/.test(name));
  // Deno keeps its cache where it is; an empty variable counts as none.
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
