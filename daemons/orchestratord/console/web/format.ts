/** Numbers and times for people. */

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"];

/** `1.4 GiB`. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < UNITS.length - 1) [value, unit] = [value / 1024, unit + 1];
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${UNITS[unit]}`;
}

/** `12,345`. */
export function formatCount(value: number): string {
  return value.toLocaleString("en-US");
}

/** `1 model`, `2 models`. */
export function formatThings(count: number, name: string): string {
  return `${formatCount(count)} ${name}${count === 1 ? "" : "s"}`;
}

/** `14:03:22`, with the date before it unless that is today. */
export function formatTime(iso: string): string {
  const time = new Date(iso);
  const clock = time.toLocaleTimeString("en-GB");
  if (time.toDateString() === new Date().toDateString()) return clock;
  return `${time.toLocaleDateString("en-CA")} ${clock}`;
}

/** A short name of a model: `demo` of `file:/models/demo.gguf`. */
export function shortModel(ref: string): string {
  return /([^/]+?)(\.gguf)?$/i.exec(ref)?.[1] ?? ref;
}
