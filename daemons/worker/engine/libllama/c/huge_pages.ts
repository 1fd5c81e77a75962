/** Where Linux lists the devices with which a host takes memory back from a virtual machine. */
const BALLOONS = "/sys/bus/virtio/drivers/virtio_balloon";
/** Bit of `VIRTIO_BALLOON_F_REPORTING` among a device's features. */
const REPORTING = 5;
/** `PR_SET_THP_DISABLE` of Linux's prctl. */
const PR_SET_THP_DISABLE = 41;

/**
 * Whether this virtual machine reports its free pages to its host, which then takes them away: the first use of
 * a huge page waits until the host has given it back and cleared it.
 */
export function reportsFreePages(balloons: string = BALLOONS): boolean {
  try {
    return [...Deno.readDirSync(balloons)].filter(({ name }) => name.startsWith("virtio"))
      .some(({ name }) => Deno.readTextFileSync(`${balloons}/${name}/features`)[REPORTING] === "1");
  } catch {
    // No Linux, or no such device.
    return false;
  }
}

/** Has Linux give this process no huge pages from now on; others have no such thing. */
export function useSmallPages(): void {
  if (Deno.build.os !== "linux") return;
  const libc = Deno.dlopen(
    "libc.so.6",
    { prctl: { parameters: ["i32", "u64", "u64", "u64", "u64"], result: "i32" } } as const,
  );
  libc.symbols.prctl(PR_SET_THP_DISABLE, 1n, 0n, 0n, 0n);
  libc.close();
}
