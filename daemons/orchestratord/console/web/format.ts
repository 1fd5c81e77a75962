/** Numbers and times for people. */

const GIB = 2 ** 30;
const UNITS = ["B", "KiB", "MiB"];

/** Memory, and files of models: always in GiB, so that any two can be compared. */
export function formatBytes(bytes: number): string {
  const gib = bytes / GIB;
  const digits = gib >= 100 || gib === 0 ? 0 : gib >= 1 ? 1 : 2;
  if (gib > 0 && gib < 0.005) return "< 0.01 GiB";
  return `${gib.toFixed(digits)} GiB`;
}

/** A small text or file: `12 KiB`. */
export function formatSmallBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < UNITS.length - 1) [value, unit] = [value / 1024, unit + 1];
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${UNITS[unit]}`;
}

/** `12,345`. */
export function formatCount(value: number): string {
  return value.toLocaleString("en-US");
}

/** `41.5`, and `120` from a hundred on. */
export function formatRate(perSecond: number): string {
  return perSecond >= 100 ? formatCount(Math.round(perSecond)) : perSecond.toFixed(1);
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
