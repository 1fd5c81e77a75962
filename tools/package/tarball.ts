import { basename, join } from "node:path";
import { digestOf, packFolder } from "../build/archive.ts";
import { type Backend, defaultBackend } from "../build/targets.ts";
import {
  completions,
  manuals,
  orchestratorConfig,
  poolManagerConfig,
  repositoryFile,
} from "./contents.ts";
import { type PackageFile, programFile, textFile, writeFiles } from "./files.ts";
import type { PackageOptions } from "./main.ts";

/** Files for the service manager of each operating system. */
const SERVICES = {
  linux: [
    ["systemd/llorch-orchestratord.service", "/lib/systemd/system/llorch-orchestratord.service"],
    ["systemd/llorch-pool-managerd.service", "/lib/systemd/system/llorch-pool-managerd.service"],
    ["debian/llorch-orchestratord/sysusers.conf", "/lib/sysusers.d/llorch-orchestratord.conf"],
    ["debian/llorch-pool-managerd/sysusers.conf", "/lib/sysusers.d/llorch-pool-managerd.conf"],
    ["debian/llorch-pool-managerd/tmpfiles.conf", "/lib/tmpfiles.d/llorch-pool-managerd.conf"],
  ],
  darwin: [
    ["launchd/org.llorch.orchestratord.plist", "/share/llorch/org.llorch.orchestratord.plist"],
    ["launchd/org.llorch.pool-managerd.plist", "/share/llorch/org.llorch.pool-managerd.plist"],
  ],
  win32: [],
} as const;

/**
 * Name of a version's archive for a platform, without its ending.
 *
 * @param backend Backend that it has besides the platform's default.
 */
export function tarballName(version: string, triple: string, backend?: Backend): string {
  return `llorch-${version}-${triple}${backend ? `-${backend}` : ""}`;
}

/**
 * Packs an archive with the default backend's worker, and one for each other built backend with
 * both workers: so each has all that a host needs, without other GPU backends.
 *
 * @returns the archives' paths
 */
export async function buildTarballs(options: PackageOptions): Promise<string[]> {
  const { target, version } = options;
  const first = defaultBackend(target);
  const others = options.executables.flatMap(({ backend }) => backend ?? [])
    .filter((backend) => backend !== first);
  const paths: string[] = [];
  for (const other of [undefined, ...others]) {
    const executables = options.executables
      .filter(({ backend }) => backend === undefined || backend === first || backend === other);
    const name = tarballName(version, target.triple, other);
    paths.push(await buildTarball({ ...options, executables }, [], name));
  }
  return paths;
}

/**
 * Packs everything and the installer into one `.tar.gz`.
 *
 * @param more Files beyond those of every archive, by path in it.
 * @returns the archive's path
 */
export async function buildTarball(
  options: PackageOptions,
  more: readonly PackageFile[] = [],
  name: string = tarballName(options.version, options.target.triple),
): Promise<string> {
  const { work, out, epoch } = options;
  const parent = join(work, "tarball");
  const root = join(parent, name);
  await writeFiles(root, [...await tarballFiles(options), ...more]);
  const sums: string[] = [];
  for (const path of filesBelow(root)) {
    if ((await Deno.lstat(join(root, path))).isSymlink) continue;
    sums.push(`${(await digestOf(join(root, path))).sha256}  ${path}\n`);
  }
  await writeFiles(root, [textFile("/SHA256SUMS", sums.join(""))]);
  await Deno.mkdir(out, { recursive: true });
  const archive = join(out, `${name}.tar.gz`);
  await packFolder(parent, archive, epoch);
  await Deno.remove(parent, { recursive: true });
  return archive;
}

async function tarballFiles(options: PackageOptions): Promise<PackageFile[]> {
  const { target, dist, sbom, licences, executables } = options;
  const scripts = await completions();
  const pages = await manuals(() => true);
  const isHere = executables.some(({ backend }) => backend === defaultBackend(target));
  const read = async (path: string, from: string) => textFile(path, await repositoryFile(from));
  return [
    ...executables.map(({ file }) => programFile(`/bin/${file}`, join(dist, file))),
    ...(isHere
      ? [{
        path: "/bin/llorch-candled",
        mode: 0o755,
        content: { linkTo: `llorch-candled-${defaultBackend(target)}` },
      }]
      : []),
    textFile("/etc/llorch/orchestrator.toml", await orchestratorConfig()),
    textFile("/etc/llorch/pool-manager.toml", await poolManagerConfig()),
    ...await Promise.all(
      SERVICES[target.os].map(([from, path]) => read(path, `deploy/${from}`)),
    ),
    ...scripts.map(([path, text]) => textFile(`/${path}`, text)),
    ...pages.map(([file, text]) => textFile(`/share/man/man${file.at(-1)}/${file}`, text)),
    await read("/share/doc/llorch/README.md", "README.md"),
    await read("/share/doc/llorch/CHANGELOG.md", "CHANGELOG.md"),
    await read("/share/doc/llorch/LICENSE", "LICENSE"),
    ...await Promise.all(
      [sbom, licences].map(async (file) =>
        textFile(`/share/doc/llorch/${basename(file)}`, await Deno.readTextFile(file))
      ),
    ),
    { ...await read("/install.sh", "deploy/install/install.sh"), mode: 0o755 },
  ];
}

function filesBelow(root: string, below = ""): string[] {
  return [...Deno.readDirSync(join(root, below))]
    .sort((a, b) => a.name < b.name ? -1 : 1)
    .flatMap(({ name, isDirectory }) => {
      const path = below === "" ? name : `${below}/${name}`;
      return isDirectory ? filesBelow(root, path) : [path];
    });
}
