import { join } from "node:path";
import type { ManifestEntry } from "../build/manifest.ts";
import { output } from "../build/process.ts";
import type { Backend } from "../build/targets.ts";
import { fill } from "../fill.ts";
import {
  completions,
  manuals,
  orchestratorConfig,
  poolManagerConfig,
  repositoryFile,
} from "./contents.ts";
import { debianDepends } from "./depends.ts";
import { gzippedFile, type PackageFile, programFile, textFile, writeFiles } from "./files.ts";

/** Debian's names of architectures. */
const ARCHITECTURES: Readonly<Record<string, string>> = {
  "x86_64-unknown-linux-gnu": "amd64",
  "aarch64-unknown-linux-gnu": "arm64",
};

const MAINTAINER = "The llorch authors <packages@llorch.org>";

/** Priority of each backend: llorch-candled is the installed one with the highest. */
const PRIORITIES: Readonly<Record<Backend, number>> = { cpu: 10, vulkan: 20, metal: 20, cuda: 30 };

/** Input of the Debian packages. */
export interface DebOptions {
  readonly version: string;
  readonly triple: string;
  /** Folder with the built executables. */
  readonly dist: string;
  readonly executables: readonly ManifestEntry[];
  /** Text of `THIRD_PARTY_LICENSES` for a backend's worker or, without a backend, the rest. */
  readonly licencesOf: (backend?: Backend) => string;
  /** Time of every file, in seconds since 1970. */
  readonly epoch: number;
  readonly out: string;
  /** A temporary folder. */
  readonly work: string;
}

/** One package. */
interface Package {
  readonly name: string;
  readonly backend?: Backend;
  readonly summary: string;
  readonly description: string;
  readonly relations: Readonly<Record<string, string>>;
  readonly files: readonly PackageFile[];
  /** Maintainer scripts by name. */
  readonly scripts: Readonly<Record<string, string>>;
}

/**
 * Makes a package of each built executable.
 *
 * @returns the paths of the `.deb` files
 * @throws {Error} for a platform that Debian does not have
 */
export async function buildDebs(options: DebOptions): Promise<string[]> {
  const { triple, version, out, work, epoch } = options;
  const architecture = ARCHITECTURES[triple];
  if (architecture === undefined) throw new Error(`There are no Debian packages for ${triple}`);
  await Deno.mkdir(out, { recursive: true });
  const packages = await Promise.all(options.executables.map((entry) => packageOf(entry, options)));
  const paths: string[] = [];
  for (const each of packages) {
    const root = join(work, each.name);
    const files = [
      ...each.files,
      ...await documents(each, options),
      lintianOverrides(each.name, each.files),
    ];
    await writeFiles(root, files);
    await writeFiles(root, controlFiles(each, files, version, architecture));
    const path = join(out, `${each.name}_${version}_${architecture}.deb`);
    // The executables are compressed already.
    const args = ["--root-owner-group", "-Zgzip", "-z1", "--build", root, path];
    await output("dpkg-deb", args, { env: { SOURCE_DATE_EPOCH: String(epoch) } });
    paths.push(path);
  }
  return paths;
}

function packageOf(entry: ManifestEntry, options: DebOptions): Promise<Package> {
  switch (entry.name) {
    case "orchestratord":
    case "pool-managerd":
      return daemonPackage(entry.name, entry, options);
    case "llorch-candled":
      return workerPackage(entry.backend!, entry, options);
    default:
      return cliPackage(entry, options);
  }
}

/** `Depends` of an executable and of its maintainer scripts. */
function dependsOf({ needs }: ManifestEntry, ...more: readonly string[]): string {
  return [...debianDepends(needs ?? {}), ...more].join(", ");
}

async function cliPackage(entry: ManifestEntry, { dist }: DebOptions): Promise<Package> {
  const scripts = await completions();
  const pages = await manuals((file) => file.startsWith("llorch") && file.endsWith(".1"));
  return {
    name: "llorch",
    summary: "self-hosted LLM inference on a few machines: command line",
    description: "Fetches and checks models, submits and follows jobs, and looks at a\n" +
      "service, here or on other hosts over ssh.",
    relations: {
      Depends: dependsOf(entry),
      Recommends: "openssh-client",
      Suggests: "llorch-orchestratord, llorch-pool-managerd, git",
    },
    files: [
      programFile("/usr/bin/llorch", join(dist, "llorch")),
      ...scripts.map(([path, text]) => textFile(`/usr/${path}`, text)),
      ...pages.map(([file, text]) => gzippedFile(`/usr/share/man/man1/${file}`, text)),
    ],
    scripts: {},
  };
}

async function daemonPackage(
  program: "orchestratord" | "pool-managerd",
  entry: ManifestEntry,
  { dist }: DebOptions,
): Promise<Package> {
  const name = `llorch-${program}`;
  const isPool = program === "pool-managerd";
  const own = `deploy/debian/${name}`;
  const pages = await manuals((file) => file === `${program}.8`);
  const config = isPool ? await poolManagerConfig() : await orchestratorConfig();
  const values = {
    PACKAGE: name,
    UNIT: `${name}.service`,
    STATE: `/var/lib/llorch/${program}`,
    CACHE: `/var/cache/llorch/${program}`,
  };
  const script = async (kind: string) =>
    fill(await repositoryFile(`deploy/debian/daemon.${kind}`), values);
  return {
    name,
    summary: `self-hosted LLM inference on a few machines: ${isPool ? "one host" : "the front"}`,
    description: isPool
      ? "Starts and watches the workers of its host, counts their memory, and\n" +
        "tells the orchestrator. One on each host with models."
      : "Queues jobs, places them on workers, streams their tokens and survives\n" +
        "what fails. One for all hosts.",
    relations: {
      "Pre-Depends": "init-system-helpers (>= 1.54~)",
      Depends: dependsOf(
        entry,
        "systemd | systemd-standalone-sysusers",
        ...(isPool ? ["systemd | systemd-standalone-tmpfiles"] : []),
      ),
      Recommends: isPool ? "llorch-worker-cpu | llorch-worker, llorch" : "llorch",
      ...(isPool ? {} : { Suggests: "llorch-pool-managerd" }),
    },
    files: [
      programFile(`/usr/bin/${program}`, join(dist, program)),
      textFile(
        `/etc/llorch/${isPool ? "pool-manager" : "orchestrator"}.toml`,
        config,
      ),
      textFile(
        `/lib/systemd/system/${name}.service`,
        await repositoryFile(`deploy/systemd/${name}.service`),
      ),
      textFile(`/usr/lib/sysusers.d/${name}.conf`, await repositoryFile(`${own}/sysusers.conf`)),
      ...(isPool
        ? [
          textFile(
            `/usr/lib/tmpfiles.d/${name}.conf`,
            await repositoryFile(`${own}/tmpfiles.conf`),
          ),
        ]
        : []),
      ...pages.map(([file, text]) => gzippedFile(`/usr/share/man/man8/${file}`, text)),
    ],
    scripts: {
      postinst: await script("postinst"),
      prerm: await script("prerm"),
      postrm: await script("postrm"),
    },
  };
}

/** Requirements of a backend without a package name that fits all distributions. */
const DRIVERS: Partial<Readonly<Record<Backend, { about: string; recommends: string }>>> = {
  cuda: {
    about: "\n.\nNeeds NVIDIA's driver, and CUDA's runtime and cuBLAS (12 or 13), from wherever\n" +
      "they come: libcuda.so.1, libcudart.so and libcublas.so.",
    recommends: "libcuda1",
  },
  vulkan: { about: "", recommends: "mesa-vulkan-drivers | vulkan-icd" },
};

async function workerPackage(
  backend: Backend,
  entry: ManifestEntry,
  { dist }: DebOptions,
): Promise<Package> {
  const program = `llorch-candled-${backend}`;
  const values = { BACKEND: backend, PRIORITY: String(PRIORITIES[backend]) };
  const script = async (kind: string) =>
    fill(await repositoryFile(`deploy/debian/worker.${kind}`), values);
  const [page] = await manuals((file) => file === "llorch-candled.8");
  return {
    name: `llorch-worker-${backend}`,
    summary: `self-hosted LLM inference on a few machines: ${backend} worker`,
    description: "Holds one model and turns prompts into tokens, through llama.cpp.\n" +
      `Started by the pool manager.${DRIVERS[backend]?.about ?? ""}`,
    backend,
    relations: {
      Depends: dependsOf(entry),
      ...(DRIVERS[backend] ? { Recommends: DRIVERS[backend].recommends } : {}),
      Provides: "llorch-worker",
    },
    files: [
      programFile(`/usr/bin/${program}`, join(dist, program)),
      ...(page ? [gzippedFile(`/usr/share/man/man8/${program}.8`, page[1])] : []),
    ],
    scripts: { postinst: await script("postinst"), prerm: await script("prerm") },
  };
}

async function documents(
  { name, backend }: Package,
  options: DebOptions,
): Promise<PackageFile[]> {
  const folder = `/usr/share/doc/${name}`;
  return [
    textFile(`${folder}/copyright`, await repositoryFile("deploy/debian/copyright")),
    gzippedFile(`${folder}/changelog`, debianChangelog(name, options)),
    gzippedFile(`${folder}/THIRD_PARTY_LICENSES`, options.licencesOf(backend)),
  ];
}

/** lintian overrides, with their reasons. */
function lintianOverrides(name: string, files: readonly PackageFile[]): PackageFile {
  const programs = files.filter(({ path }) => path.startsWith("/usr/bin/"));
  return textFile(
    `/usr/share/lintian/overrides/${name}`,
    "# The script ends before the packed runtime that follows it in the same file.\n" +
      programs.map(({ path }) => `${name}: shell-script-fails-syntax-check [${path.slice(1)}]\n`)
        .join(""),
  );
}

/** A changelog in Debian's form with one entry that refers to the project's changelog. */
function debianChangelog(name: string, { version, epoch }: DebOptions): string {
  const date = new Date(epoch * 1000).toUTCString().replace("GMT", "+0000");
  return `${name} (${version}) stable; urgency=medium\n\n` +
    `  * Release ${version}: see CHANGELOG.md of the project.\n\n -- ${MAINTAINER}  ${date}\n`;
}

function controlFiles(
  { name, summary, description, relations, scripts }: Package,
  files: readonly PackageFile[],
  version: string,
  architecture: string,
): PackageFile[] {
  const conffiles = files.map(({ path }) => path).filter((path) => path.startsWith("/etc/"));
  const control = [
    `Package: ${name}`,
    `Version: ${version}`,
    `Architecture: ${architecture}`,
    `Maintainer: ${MAINTAINER}`,
    "Section: net",
    "Priority: optional",
    "Homepage: https://llorch.org",
    ...Object.entries(relations).map(([field, value]) => `${field}: ${value}`),
    `Description: ${summary}`,
    ...description.split("\n").map((line) => ` ${line}`),
  ];
  return [
    textFile("/DEBIAN/control", control.join("\n") + "\n"),
    ...(conffiles.length === 0 ? [] : [textFile("/DEBIAN/conffiles", conffiles.join("\n") + "\n")]),
    ...Object.entries(scripts).map(([kind, text]) => textFile(`/DEBIAN/${kind}`, text, 0o755)),
  ];
}
