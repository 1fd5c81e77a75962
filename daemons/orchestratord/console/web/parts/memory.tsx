import type { Device, WorkerView } from "#shared/contracts/mod.ts";
import { shareOn } from "#shared/contracts/place.ts";
import { formatBytes } from "../format.ts";
import { Name } from "./name.tsx";

/** A bar of a device's memory: used by workers, used by other programs, free. */
export function MemoryBar({ device, workers }: {
  device: Device;
  /** Those of its pool. */
  workers: readonly WorkerView[];
}) {
  const { total_bytes: total, free_bytes: free } = device;
  const ours = Math.min(total, workers.reduce((sum, each) => sum + shareOn(each, device.id), 0));
  const others = Math.max(0, total - free - ours);
  const left = Math.max(0, total - ours - others);
  const words = `${formatBytes(ours)} workers, ${formatBytes(others)} others, ` +
    `${formatBytes(left)} free of ${formatBytes(total)}`;
  return (
    <div class="device">
      <div class="device-head">
        <strong>{device.id}</strong>
        <span class="dim">
          <Name>
            {[...new Set([device.kind, device.name])].filter((word) =>
              word.toLowerCase() !== device.id
            ).join(", ")}
          </Name>
        </span>
      </div>
      {device.unavailable
        ? (
          <p class="bad-text">
            <Name>{device.unavailable}</Name>
          </p>
        )
        : (
          <>
            <svg
              class="memory"
              viewBox="0 0 100 4"
              preserveAspectRatio="none"
              role="img"
              aria-label={`${device.id}: ${words}`}
            >
              <rect class="free" width="100" height="4" />
              <rect class="others" width={share(ours + others, total)} height="4" />
              <rect class="ours" width={share(ours, total)} height="4" />
            </svg>
            <p class="dim small">
              <span class="key ours" /> <span class="whole">{formatBytes(ours)} workers</span>
              <span class="key others" /> <span class="whole">{formatBytes(others)} others</span>
              <span class="key free" /> {formatBytes(left)} free of {formatBytes(total)}
            </p>
          </>
        )}
    </div>
  );
}

const share = (part: number, whole: number) => whole === 0 ? 0 : 100 * part / whole;
