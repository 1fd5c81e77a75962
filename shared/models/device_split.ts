/**
 * A model on several devices: what each of them holds. A load claims memory on all of its devices at
 * once, or on none.
 *
 * @module
 */

/** Memory of a load that several devices hold together. */
export interface SplitMemory {
  /** Parts that are divided: its layers on devices, of which the output counts as one. */
  readonly layers: number;
  /** Bytes of all those layers together: weights and cache. */
  readonly layer_bytes: number;
  /** Bytes on every device that holds any of them: buffers that compute. */
  readonly each_bytes: number;
  /** Parts on the devices, in their order; undefined: by their room. */
  readonly ratio?: readonly number[] | undefined;
}

/** A device, and the bytes that a load may take there. */
export interface DeviceRoom {
  readonly device: string;
  readonly bytes: number;
}

/** Memory that a load takes on one of its devices. */
export interface Claim {
  readonly device: string;
  readonly bytes: number;
  /** Layers that it holds, at least one. */
  readonly layers: number;
}

/**
 * Divides a load among all of the devices; undefined where it does not fit, so that nothing is claimed.
 * Without a ratio, layers go where there is room for them, in proportion.
 *
 * @param rooms In the order of the devices' numbers.
 */
export function claimAll(
  rooms: readonly DeviceRoom[],
  { layers, layer_bytes, each_bytes, ratio }: SplitMemory,
): Claim[] | undefined {
  if (rooms.length > layers || ratio !== undefined && ratio.length !== rooms.length) return;
  const mostLayers = rooms.map(({ bytes }) => {
    let most = Math.min(layers, Math.floor((bytes - each_bytes) * layers / layer_bytes));
    if (!(layer_bytes > 0)) most = bytes >= each_bytes ? layers : 0;
    // Rounding must not take a byte too much.
    while (most > 0 && bytesOf(most) > bytes) most--;
    return Math.max(0, most);
  });
  const shares = ratio ? byRatio(layers, ratio) : byRoom(layers, mostLayers);
  if (shares?.every((share, index) => share >= 1 && share <= mostLayers[index]!) !== true) return;
  return rooms.map(({ device }, index) => {
    const share = shares[index]!;
    return { device, layers: share, bytes: bytesOf(share) };
  });

  function bytesOf(share: number): number {
    return each_bytes + Math.ceil(layer_bytes * share / layers);
  }
}

/** At least one layer each, the others in proportion to the further layers for which there is room. */
function byRoom(layers: number, mostLayers: readonly number[]): number[] | undefined {
  const room = mostLayers.reduce((sum, most) => sum + most, 0);
  if (room < layers || mostLayers.includes(0)) return undefined;
  const left = layers - mostLayers.length;
  const further = room - mostLayers.length;
  const exact = mostLayers.map((most) => further === 0 ? 0 : left * (most - 1) / further);
  const shares = exact.map((share) => 1 + Math.floor(share));
  let rest = layers - shares.reduce((sum, share) => sum + share, 0);
  const byFraction = exact.map((share, index) => ({ index, fraction: share % 1 }))
    .sort((a, b) => b.fraction - a.fraction || a.index - b.index);
  for (const { index } of byFraction) {
    if (rest > 0 && shares[index]! < mostLayers[index]!) {
      shares[index]!++;
      rest--;
    }
  }
  return shares;
}

/** As llama.cpp divides layers by `tensor_split`. */
function byRatio(layers: number, ratio: readonly number[]): number[] {
  const whole = ratio.reduce((sum, part) => sum + part, 0);
  const ends: number[] = [];
  for (const part of ratio) ends.push((ends.at(-1) ?? 0) + part);
  const shares = ratio.map(() => 0);
  for (let layer = 0; layer < layers; layer++) {
    const at = ends.findIndex((end) => end / whole > layer / layers);
    shares[at === -1 ? ratio.length - 1 : at]!++;
  }
  return shares;
}

/**
 * The devices that a load could be given together, the fewest first: of each number the ones with most
 * room. With a ratio, they are the first ones of that number.
 *
 * @param rooms Usable devices of one kind, in the order of their numbers.
 */
export function groupsOf(
  rooms: readonly DeviceRoom[],
  { ratio }: Pick<SplitMemory, "ratio">,
): DeviceRoom[][] {
  if (ratio) return ratio.length > rooms.length ? [] : [rooms.slice(0, ratio.length)];
  const byRoom = rooms.map((room, index) => ({ room, index }))
    .sort((a, b) => b.room.bytes - a.room.bytes || a.index - b.index);
  return rooms.slice(1).map((_, more) =>
    byRoom.slice(0, more + 2).sort((a, b) => a.index - b.index).map(({ room }) => room)
  );
}
