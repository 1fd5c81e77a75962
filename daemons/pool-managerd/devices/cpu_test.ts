import assert from "node:assert/strict";
import { cpuDevice } from "./cpu.ts";

const KIB = 1024;
const MEMINFO = "MemTotal:       1000 kB\nMemFree:        100 kB\nMemAvailable:   800 kB\n";
const noSystem = () => {
  throw new Error("not expected");
};

function files(entries: Record<string, string>) {
  return (path: string) => Promise.resolve(entries[path]);
}

Deno.test("cpuDevice() returns the machine's available memory", async () => {
  assert.deepEqual(await cpuDevice(files({ "/proc/meminfo": MEMINFO }), noSystem), {
    id: "cpu",
    kind: "cpu",
    name: "CPU",
    total_bytes: 1000 * KIB,
    free_bytes: 800 * KIB,
  });
});

Deno.test("cpuDevice() returns what the control group allows, if that is less", async () => {
  const device = await cpuDevice(
    files({
      "/proc/meminfo": MEMINFO,
      "/proc/self/cgroup": "0::/system.slice/pool.service\n",
      "/sys/fs/cgroup/system.slice/memory.max": "max\n",
      "/sys/fs/cgroup/system.slice/pool.service/memory.max": `${500 * KIB}\n`,
      "/sys/fs/cgroup/system.slice/pool.service/memory.current": `${400 * KIB}\n`,
      "/sys/fs/cgroup/system.slice/pool.service/memory.stat": `anon 1\ninactive_file ${50 * KIB}\n`,
    }),
    noSystem,
  );
  assert.equal(device.total_bytes, 500 * KIB);
  assert.equal(device.free_bytes, 150 * KIB);
});

Deno.test("cpuDevice() reads a container's root group and older control groups", async () => {
  const v1 = await cpuDevice(
    files({
      "/proc/meminfo": MEMINFO,
      "/proc/self/cgroup": "9:cpu,memory:/docker/abc\n",
      "/sys/fs/cgroup/memory/memory.limit_in_bytes": `${600 * KIB}\n`,
      "/sys/fs/cgroup/memory/memory.usage_in_bytes": `${100 * KIB}\n`,
      "/sys/fs/cgroup/memory/memory.stat": "",
    }),
    noSystem,
  );
  assert.equal(v1.free_bytes, 500 * KIB);
});

Deno.test("cpuDevice() asks the runtime if there is no /proc", async () => {
  const device = await cpuDevice(files({}), () => ({ total: 10, available: 7 }));
  assert.deepEqual([device.total_bytes, device.free_bytes], [10, 7]);
});

Deno.test("cpuDevice() works on this machine", async () => {
  const device = await cpuDevice();
  assert.ok(device.free_bytes > 0 && device.free_bytes <= device.total_bytes);
});
