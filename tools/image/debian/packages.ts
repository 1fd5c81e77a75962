import type { Target } from "../../build/targets.ts";
import type { Entry } from "../entries.ts";
import { type UnpackedPin, unpackPin } from "./base.ts";
import { fetchPackage, findMirror } from "./mirror.ts";
import { type Pins, pinsFor, readPins } from "./pins.ts";

/** The pinned packages of a platform. */
export interface Packages {
  readonly pins: Pins;
  readonly unpacked: readonly UnpackedPin[];
}

/** The package with process 1, which every image has, whatever its base is. */
export const INIT = "tini";

/**
 * Gets and unpacks the pinned packages.
 *
 * @param from Folder or mirror of them; otherwise the mirror of this machine.
 */
export async function getPackages(target: Target, from: string | undefined): Promise<Packages> {
  const pins = await readPins();
  const mirror = await findMirror(from);
  const unpacked: UnpackedPin[] = [];
  for (const pin of pinsFor(pins, target)) {
    unpacked.push(await unpackPin(pin, await fetchPackage(pin, pins, mirror)));
  }
  return { pins, unpacked };
}

/** The program that is process 1; it needs no library of the base. */
export function initOf({ unpacked }: Packages): Entry {
  const entries = unpacked.find(({ pin }) => pin.name === INIT)?.deb.entries;
  const found = entries?.find(({ path }) => path === "usr/bin/tini-static");
  if (!found) throw new Error(`The package ${INIT} has no usr/bin/tini-static`);
  return found;
}
