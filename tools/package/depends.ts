import { compareVersions, type Needs } from "../build/native.ts";

/** Debian's package of each needed library. */
const PACKAGES: Readonly<Record<string, string>> = {
  "ld-linux-x86-64.so.2": "libc6",
  "ld-linux-aarch64.so.1": "libc6",
  "libc.so.6": "libc6",
  "libdl.so.2": "libc6",
  "libm.so.6": "libc6",
  "libpthread.so.0": "libc6",
  "librt.so.1": "libc6",
  "libgcc_s.so.1": "libgcc-s1",
  "libgomp.so.1": "libgomp1",
  "libstdc++.so.6": "libstdc++6",
  "libvulkan.so.1": "libvulkan1",
};

/**
 * NVIDIA's libraries, whose packages have different names in Debian, Ubuntu and NVIDIA's archive.
 */
const OF_THE_DRIVER = /^lib(cuda|cudart|cublas)\.so\.\d+$/;

/** The GCC release that introduced each version of libstdc++. */
const GCC_OF_GLIBCXX: Readonly<Record<string, string>> = {
  "3.4.21": "5",
  "3.4.22": "6",
  "3.4.23": "7",
  "3.4.24": "7",
  "3.4.25": "8",
  "3.4.26": "9",
  "3.4.27": "9",
  "3.4.28": "9",
  "3.4.29": "11",
  "3.4.30": "12",
  "3.4.31": "13",
  "3.4.32": "13.2",
  "3.4.33": "14",
};

/**
 * Debian's `Depends` of an executable: `libc6 (>= 2.34), libgcc-s1`. NVIDIA's libraries are left
 * out.
 *
 * @throws {Error} that names a library or version without a known package
 */
export function debianDepends(needs: Needs): string[] {
  const least = new Map<string, string | undefined>();
  for (const [library, versions] of Object.entries(needs)) {
    if (OF_THE_DRIVER.test(library)) continue;
    const name = PACKAGES[library];
    if (name === undefined) throw new Error(`No Debian package is known for ${library}`);
    for (const version of [undefined, ...versions.map(packageVersion)]) {
      const known = least.get(name);
      if (known === undefined || version && compareVersions(version, known) > 0) {
        least.set(name, version ?? known);
      }
    }
  }
  return [...least].map(([name, version]) => version ? `${name} (>= ${version})` : name).sort();
}

/** The package version that introduced a library's version; undefined if all have it. */
function packageVersion(version: string): string | undefined {
  const [kind, number] = version.split("_") as [string, string];
  if (kind === "GLIBC") return number;
  if (kind !== "GLIBCXX") return undefined;
  if (compareVersions(number, "3.4.20") <= 0) return undefined;
  const gcc = GCC_OF_GLIBCXX[number];
  if (gcc === undefined) throw new Error(`No GCC release is known to have ${version}`);
  return gcc;
}
