/** What llama.cpp says of memory while it opens a model and its contexts, by the names of buffers and devices. */
export interface SaidMemory {
  /** The models in the order of their loads: the device of each layer; the output is the last one. */
  readonly models: readonly (readonly string[])[];
  /** Bytes of weights, by buffer. */
  readonly weights: ReadonlyMap<string, number>;
  /** Bytes of attention caches, by device. */
  readonly caches: ReadonlyMap<string, number>;
  /** Bytes of recurrent states, by buffer. These are allocated even where nothing else is. */
  readonly states: ReadonlyMap<string, number>;
  /** Bytes of the graphs of contexts, by buffer. */
  readonly compute: ReadonlyMap<string, number>;
}

const MIB = 2 ** 20;
/** Figures are rounded to hundredths of a MiB. */
const ROUNDING_MIB = 0.005;

const ASSIGNED = /layer +(\d+) assigned to device ([^,]+)/;
const BUFFER = /: +(\S+) (?:\S+ \S+ )?(model|RS|state|compute) buffer size = +([\d.]+) MiB/;
const CACHED = /kv_cache\S*: layer +\d+: dev = (\S+)/;
const CACHE = /(kv_cache\S*): size = +([\d.]+) MiB/;

/**
 * Reads what llama.cpp has logged of memory.
 *
 * A cache is said to be of one size, and each of its layers on one device: its bytes are shared out
 * evenly among its layers.
 */
export function readMemoryLines(lines: readonly string[]): SaidMemory {
  const models: string[][] = [];
  const weights = new Map<string, number>();
  const caches = new Map<string, number>();
  const states = new Map<string, number>();
  const compute = new Map<string, number>();
  const buffers = { model: weights, RS: states, state: states, compute };
  let layers: string[] = [];
  for (const line of lines) {
    const assigned = ASSIGNED.exec(line);
    if (assigned) {
      if (assigned[1] === "0") models.push([]);
      models.at(-1)?.push(assigned[2]!);
      continue;
    }
    const cached = CACHED.exec(line);
    if (cached) {
      layers.push(cached[1]!);
      continue;
    }
    const cache = CACHE.exec(line);
    if (cache) {
      const share = bytesOf(cache[2]!) / Math.max(1, layers.length);
      for (const device of layers) add(caches, device, share);
      layers = [];
      continue;
    }
    const buffer = BUFFER.exec(line);
    if (buffer) add(buffers[buffer[2] as keyof typeof buffers], buffer[1]!, bytesOf(buffer[3]!));
  }
  return { models, weights, caches, states, compute };
}

/** Never less than what was rounded; nothing stays nothing. */
function bytesOf(mib: string): number {
  const size = Number(mib);
  return size === 0 ? 0 : (size + ROUNDING_MIB) * MIB;
}

function add(sizes: Map<string, number>, name: string, bytes: number): void {
  if (bytes > 0) sizes.set(name, (sizes.get(name) ?? 0) + bytes);
}
