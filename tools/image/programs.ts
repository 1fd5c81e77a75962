/**
 * Where llorch's programs lie in an image. They lie there unpacked, so that a container starts at once and
 * its root may be read-only.
 *
 * @module
 */
import { join } from "node:path";
import { VERSION } from "#shared/version.ts";
import type { Artifact } from "../build/plan.ts";
import type { Commit } from "../build/source.ts";
import { fill } from "../fill.ts";
import { copyEntry, type Entry, folderEntry, linkEntry, textEntry } from "./entries.ts";
import launcher from "./launcher.sh" with { type: "text" };
import type { ImageSpec } from "./plan.ts";

/** Folder of the runtime and the programs. */
export const LIB = "/usr/lib/llorch";

/** User and group that programs run as: nobody. */
export const NOBODY = 65534;

/** The folder that must be kept. */
export const STATE = "/var/lib/llorch";

const below = (path: string) => path.slice(1);

/** The runtime, and process 1 of containers. */
export function runtimeEntries(deno: string, init: Entry): Entry[] {
  return [
    copyEntry(`${below(LIB)}/deno`, deno, 0o755),
    { ...init, path: `${below(LIB)}/tini`, mode: 0o755, owner: 0 },
  ];
}

/**
 * A program: its files and the script that runs it.
 *
 * @param app Folder with the program.
 */
export function programEntries(
  { file, executable }: Artifact,
  app: string,
  { commit }: Commit,
): Entry[] {
  const script = fill(launcher, {
    NAME: file,
    EXECUTABLE: executable,
    VERSION,
    COMMIT: commit,
    LIB,
  });
  return [
    ...filesBelow(app).map((path) =>
      copyEntry(`${below(LIB)}/${file}/${path}`, join(app, path), 0o644)
    ),
    textEntry(`usr/bin/${file}`, script, 0o755),
    ...(file === executable ? [] : [linkEntry(`usr/bin/${executable}`, file)]),
  ];
}

/** Settings of a container: other containers reach it, which demands a token. */
const SETTINGS: Readonly<Record<string, readonly [file: string, text: string]>> = {
  orchestratord: ["orchestrator.toml", 'host = "0.0.0.0"\n'],
  "pool-managerd": ["pool-manager.toml", 'host = "0.0.0.0"\n\n[worker]\nhost = "0.0.0.0"\n'],
};

/** Settings, and the folders that programs write to. */
export function stateEntries({ program }: Pick<ImageSpec, "program">): Entry[] {
  const settings = SETTINGS[program];
  return [
    ...(settings ? [textEntry(`etc/llorch/${settings[0]}`, settings[1])] : []),
    folderEntry(below(STATE), 0o755, NOBODY),
    folderEntry(`${below(STATE)}/models`, 0o755, NOBODY),
    ...(settings ? [folderEntry(`${below(STATE)}/${program}`, 0o700, NOBODY)] : []),
  ];
}

/** Variables of a container. */
export function environment({ program }: Pick<ImageSpec, "program">): Record<string, string> {
  return {
    HOME: STATE,
    TMPDIR: "/tmp",
    ...(SETTINGS[program] ? { STATE_DIRECTORY: `${STATE}/${program}` } : {}),
  };
}

/** The command of a container. */
export function entrypoint({ program }: Pick<ImageSpec, "program">): string[] {
  return [`${LIB}/tini`, "--", `/usr/bin/${program}`];
}

/** Files below a folder, by their paths from it, in the same order everywhere. */
export function filesBelow(folder: string, at = ""): string[] {
  return [...Deno.readDirSync(join(folder, at))]
    .sort((a, b) => a.name < b.name ? -1 : 1)
    .flatMap(({ name, isDirectory }) => {
      const path = at === "" ? name : `${at}/${name}`;
      return isDirectory ? filesBelow(folder, path) : [path];
    });
}
