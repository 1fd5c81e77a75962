/** A package of the base, and why it is there. */
interface Wanted {
  readonly name: string;
  readonly why: string;
}

/** The packages of the base. */
export const WANTED: readonly Wanted[] = [
  { name: "base-files", why: "the folders, and os-release, by which scanners know the system" },
  { name: "dash", why: "/bin/sh: starts the programs, and raises the stack of workers" },
  { name: "libc6", why: "deno and llama.cpp" },
  { name: "libgcc-s1", why: "deno and llama.cpp" },
  { name: "libstdc++6", why: "llama.cpp" },
  { name: "gcc-14-base", why: "the licence of libgcc-s1 and libstdc++6" },
  { name: "tini", why: "process 1" },
];

/** Dependencies that are left out, and why. */
export const LEFT_OUT: Readonly<Record<string, string>> = {
  awk: "for base-files' installation, which is not run",
  debianutils: "for dash's installation, which is not run",
};

/** The release of Debian. */
export const RELEASE = "trixie";

/** Where packages come from: the archive and its suite. */
export const SUITES: readonly { readonly archive: string; readonly suite: string }[] = [
  { archive: "debian", suite: RELEASE },
  { archive: "debian", suite: `${RELEASE}-updates` },
  { archive: "debian-security", suite: `${RELEASE}-security` },
];
