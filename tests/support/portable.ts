import { join } from "node:path";
import type { Artifact } from "../../tools/build/plan.ts";
import { packDeno, writePortable } from "../../tools/build/portable.ts";
import { TARGETS } from "../../tools/build/targets.ts";

/** Stands in for deno: prints how the launcher called it. */
const FAKE_DENO = `#!/bin/sh
case \${SLEEP:-} in '') ;; *) trap 'exit 7' TERM; echo $$; while :; do sleep 0.05; done ;; esac
echo "exe=$LLORCH_EXECUTABLE dir=$DENO_DIR"
echo "v8=\${DENO_V8_FLAGS:-}"
for arg; do echo "[$arg]"; done
exit 42
`;

const ORCHESTRATORD: Artifact = { executable: "orchestratord", file: "orchestratord" };

/** A portable executable in a new folder. */
export interface Sandbox {
  readonly dir: string;
  readonly exe: string;
  /** Folder that it unpacks into. */
  readonly cache: string;
  run(
    args?: readonly string[],
    env?: Record<string, string>,
    exe?: string,
  ): Promise<{ code: number; out: string; err: string }>;
}

/** Runs a test with a portable executable that carries the fake, and an empty home. */
export async function withPortable(test: (sandbox: Sandbox) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir({ prefix: "llorch-test-" });
  try {
    for (const folder of ["work", "bin", "home"]) await Deno.mkdir(join(dir, folder));
    const exe = join(dir, "bin", "orchestratord");
    await writeExecutable(join(dir, "work"), exe, "console.log(1)");
    await test({
      dir,
      exe,
      cache: join(dir, "home/.cache/llorch/runtime"),
      async run(args = [], env = {}, path = exe) {
        const { code, stdout, stderr } = await new Deno.Command(path, {
          args: [...args],
          cwd: dir,
          clearEnv: true,
          env: { PATH: "/usr/bin:/bin", HOME: join(dir, "home"), ...env },
        }).output();
        const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
        return { code, out: text(stdout), err: text(stderr) };
      },
    });
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

/** Names in a folder, sorted. */
export function namesIn(dir: string): string[] {
  return [...Deno.readDirSync(dir)].map(({ name }) => name).sort();
}

/** Writes a portable executable that carries the fake instead of deno. */
export async function writeExecutable(
  work: string,
  path: string,
  program: string,
  artifact: Artifact = ORCHESTRATORD,
): Promise<void> {
  const commit = { commit: "1a2b3c4", date: "2026-11-24", epoch: 1_790_000_000 };
  const deno = join(work, "fake-deno");
  await Deno.writeTextFile(deno, FAKE_DENO);
  const app = join(work, "app");
  await Deno.mkdir(app);
  await Deno.writeTextFile(join(app, "main.js"), program);
  await Deno.writeTextFile(join(app, "deno.json"), "{}");
  const packed = await packDeno(deno, work, commit);
  await writePortable(artifact, TARGETS[0]!, commit, app, packed, path);
}
