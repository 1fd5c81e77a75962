import { join } from "node:path";
import { addBackend, bundleApp } from "./app.ts";
import { installBackend } from "./install.ts";
import { buildLibraries } from "./libraries.ts";
import { buildMedia, placeMedia } from "./media.ts";
import type { Artifact, BuildPlan } from "./plan.ts";
import type { Target } from "./targets.ts";

/**
 * Makes the folder of a program: bundled, with the libraries of its backend.
 *
 * @param source The copy of the sources.
 * @param work Folder for it, and for what is installed.
 * @returns the program's folder
 */
export async function prepareApp(
  artifact: Artifact,
  { target, libraries }: Pick<BuildPlan, "target" | "libraries">,
  source: string,
  work: string,
  say: (line: string) => void,
): Promise<string> {
  const app = join(work, artifact.file);
  say(`${artifact.file}: bundling the program`);
  await bundleApp(artifact.executable, source, app);
  if (artifact.backend && libraries === "source") {
    say(`${artifact.file}: building llama.cpp for ${artifact.backend}, which takes many minutes`);
    await buildLibraries(artifact.backend, target, join(work, "llama.cpp"), app);
  } else if (artifact.backend) {
    say(`${artifact.file}: fetching llama.cpp for ${artifact.backend}, which may take minutes`);
    const folder = join(work, `backend-${artifact.backend}`);
    const nodeModules = await installBackend(artifact.backend, target, folder);
    await addBackend(nodeModules, artifact.backend, target, app);
  }
  if (artifact.backend) await addMedia(target, app, (line) => say(`${artifact.file}: ${line}`));
  return app;
}

/** Adds libmtmd to an app with llama.cpp's libraries; says why where the worker will read only text. */
async function addMedia(
  target: Target,
  app: string,
  say: (line: string) => void,
): Promise<void> {
  const llama = join(app, "llama");
  for await (const { name: platform } of Deno.readDir(llama)) {
    say("building libmtmd, which takes minutes the first time");
    const built = await buildMedia(join(llama, platform), target);
    if ("why" in built) return say(`warning: it will see and hear nothing: ${built.why}`);
    await placeMedia(built.file, join(app, "media", platform));
  }
}
