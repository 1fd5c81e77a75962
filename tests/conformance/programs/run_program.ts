import { join } from "node:path";
import { type Exchange, RecordingProxy } from "../../support/recording_proxy.ts";
import { commandOf, PACKAGES } from "./packages.ts";
import { NOTE, type Program } from "./programs.ts";

/** How long a program may take, in milliseconds. */
const DEADLINE_MS = 180_000;

/** How a program ran. */
export interface Ran {
  /** Exit code; 128 and more: it was ended by a signal. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly exchanges: readonly Exchange[];
}

/** An address where nobody listens: what does not go to this machine fails at once. */
const NOWHERE = "http://127.0.0.1:9";

/**
 * Runs a program in a folder of its own, which is its home, too, with nothing of our environment; it is
 * ended with all its children after three minutes.
 *
 * @param url Address of orchestratord.
 */
export async function runProgram(program: Program, folder: string, url: string): Promise<Ran> {
  const proxy = new RecordingProxy(url);
  const setting = { url: proxy.url, work: join(folder, "work"), home: join(folder, "home") };
  try {
    await Deno.mkdir(setting.work, { recursive: true });
    await Deno.mkdir(setting.home, { recursive: true });
    await Deno.writeTextFile(join(setting.work, "note.txt"), NOTE);
    for (const [path, text] of Object.entries(program.files?.(setting) ?? {})) {
      const file = join(setting.home, path);
      await Deno.mkdir(join(file, ".."), { recursive: true });
      await Deno.writeTextFile(file, text);
    }
    const process = new Deno.Command(commandOf(PACKAGES[program.command]), {
      args: [...program.args(setting)],
      cwd: setting.work,
      clearEnv: true,
      env: {
        PATH: Deno.env.get("PATH") ?? "/usr/bin:/bin",
        HOME: setting.home,
        TMPDIR: folder,
        TERM: "dumb",
        NO_COLOR: "1",
        LANG: "C.UTF-8",
        ...{ HTTP_PROXY: NOWHERE, HTTPS_PROXY: NOWHERE, NO_PROXY: "127.0.0.1,localhost" },
        ...{ http_proxy: NOWHERE, https_proxy: NOWHERE, no_proxy: "127.0.0.1,localhost" },
        ...program.env?.(setting),
      },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
      detached: true,
    }).spawn();
    const end = () => killGroup(process.pid);
    const timer = setTimeout(end, DEADLINE_MS);
    // What it has left running may hold its output open.
    const status = process.status.finally(async () => {
      end();
      await endRest(setting.home);
    });
    const [stdout, stderr, { code }] = await Promise.all([
      new Response(process.stdout).text(),
      new Response(process.stderr).text(),
      status,
    ]);
    clearTimeout(timer);
    return { code, stdout, stderr, exchanges: proxy.exchanges };
  } finally {
    await proxy.close();
  }
}

/** Ends what a program has left running, such as a service of its own: all that has its home. */
async function endRest(home: string): Promise<void> {
  if (Deno.build.os !== "linux") return;
  for await (const { name } of Deno.readDir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const variables = (await Deno.readTextFile(`/proc/${name}/environ`)).split("\0");
      if (variables.includes(`HOME=${home}`)) Deno.kill(Number(name), "SIGKILL");
    } catch {
      // The process has ended, or is another user's.
    }
  }
}

function killGroup(pid: number): void {
  try {
    Deno.kill(-pid, "SIGKILL");
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
