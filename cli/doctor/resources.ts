import { defaultStateDir } from "#shared/paths.ts";
import { formatBytes } from "../output/bytes.ts";
import type { Check, Finding } from "./finding.ts";

const GIB = 2 ** 30;

/** Below this even a small model may not fit; only loading it would fail. */
const LOW_MEMORY_BYTES = 1 * GIB;
/** Below this hardly any model can be downloaded. */
const LOW_DISK_BYTES = 5 * GIB;
/** Below this the daemons cannot keep their databases. */
const NO_DISK_BYTES = GIB / 16;

/** Free memory for models on the CPU. */
export const checkMemory: Check = ({ memory }) => {
  const { totalBytes, availableBytes } = memory;
  const message = `${formatBytes(availableBytes)} free of ${formatBytes(totalBytes)}`;
  return Promise.resolve([
    availableBytes >= LOW_MEMORY_BYTES
      ? { name: "memory", status: "ok", message }
      : { name: "memory", status: "warn", message, fix: "close other programs" },
  ]);
};

/** Free disk where state and models are kept. */
export const checkDisk: Check = async (machine) => {
  const dir = defaultStateDir(machine.env, "orchestratord");
  const free = await machine.freeBytes(dir);
  const finding = { name: "disk", message: `${formatBytes(free)} free at ${dir}` };
  if (free >= LOW_DISK_BYTES) return [{ ...finding, status: "ok" }];
  const status = free < NO_DISK_BYTES ? "fail" : "warn";
  return [{ ...finding, status, fix: "free some space, or choose another disk with --state-dir" }];
};

/** GPUs that a worker could use. */
export const checkGpu: Check = async (machine) => {
  const name = "gpu";
  if (machine.os === "darwin" && machine.arch === "aarch64") {
    return [{ name, status: "ok", message: "Apple GPU (Metal)" }];
  }
  const query = ["--query-gpu=name,memory.total,driver_version", "--format=csv,noheader,nounits"];
  const result = await machine.run("nvidia-smi", query);
  if (result === undefined) {
    return [{ name, status: "ok", message: "none found: models run on the CPU" }];
  }
  if (result.code !== 0) {
    const reason = (result.stdout + result.stderr).trim().split("\n")[0];
    return [{
      name,
      status: "warn",
      message: `nvidia-smi fails: ${reason}`,
      fix: "check the NVIDIA driver",
    }];
  }
  return result.stdout.trim().split("\n").map((line, index): Finding => {
    const [model = "unknown", mebibytes, driver = "unknown"] = line.split(",").map((cell) =>
      cell.trim()
    );
    const memory = formatBytes(Number(mebibytes) * 2 ** 20);
    return { name: `gpu ${index}`, status: "ok", message: `${model}, ${memory}, driver ${driver}` };
  });
};
