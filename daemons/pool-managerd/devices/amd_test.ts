import assert from "node:assert/strict";
import { amdSource, parseAmdSmi, parseRocmSmi } from "./amd.ts";

const MIB = 1024 * 1024;
const recorded = (name: string) =>
  Deno.readTextFileSync(new URL(`./testdata/${name}`, import.meta.url));
const noFiles = () => Promise.resolve(undefined);

Deno.test("parseRocmSmi() reads recorded machines", () => {
  assert.deepEqual(parseRocmSmi(recorded("rocm_smi_7900xt.json")), [{
    id: "rocm0",
    kind: "rocm",
    name: "Radeon RX 7900 XT",
    total_bytes: 21_458_059_264,
    free_bytes: 21_458_059_264 - 27_856_896,
  }]);
  const [apu] = parseRocmSmi(recorded("rocm_smi_rembrandt.json"));
  assert.deepEqual([apu?.name, apu?.free_bytes], ["Rembrandt [Radeon 680M]", 91_320_320]);
});

Deno.test("parseAmdSmi() reads a recorded machine, whose MB are MiB, and older lists", () => {
  const text = recorded("amd_smi_mi300x.json");
  const devices = parseAmdSmi(text);
  assert.deepEqual(devices.map(({ id }) => id), ["rocm0", "rocm1"]);
  assert.equal(devices[0]?.total_bytes, 196_592 * MIB);
  assert.equal(devices[0]?.free_bytes, (196_592 - 17_153) * MIB);
  assert.deepEqual(parseAmdSmi(JSON.stringify(JSON.parse(text).gpu_data)), devices);
});

Deno.test("a GPU that reports no memory is unavailable; garbage is an error", () => {
  const [card] = parseRocmSmi('WARNING: low power\n{"card0": {"Card Series": "X"}}');
  assert.match(card?.unavailable ?? "", /"nothing" and "nothing" of its memory/);
  const unknown =
    '[{"gpu":0,"mem_usage":"N/A"},{"gpu":1,"mem_usage":{"total_vram":{"value":"N/A"}}}]';
  assert.deepEqual(parseAmdSmi(unknown).map((gpu) => gpu.free_bytes), [0, 0]);
  for (const garbage of ["", "Traceback (most recent call last)", "{", '{"gpu_data": 7}']) {
    assert.throws(() => parseAmdSmi(garbage), /Cannot read the output of amd-smi/);
  }
  assert.throws(() => parseRocmSmi("[1]"), /Cannot read the output of rocm-smi/);
});

Deno.test("the driver's files are read first, and cards of other vendors are ignored", async () => {
  const files: Record<string, string> = {
    "/sys/class/drm/card0/device/vendor": "0x10de\n",
    "/sys/class/drm/card1/device/vendor": "0x1002\n",
    "/sys/class/drm/card1/device/product_name": "Radeon PRO W7900\n",
    "/sys/class/drm/card1/device/mem_info_vram_total": "48301604864\n",
    "/sys/class/drm/card1/device/mem_info_vram_used": "301604864\n",
    "/sys/class/drm/card3/device/vendor": "0x1002\n",
  };
  const noTools = () => Promise.reject(new Error("not expected"));
  const devices = await amdSource(noTools, (path) => Promise.resolve(files[path]), true).query();
  assert.deepEqual(devices.map(({ id, name, free_bytes }) => [id, name, free_bytes]), [
    ["rocm0", "Radeon PRO W7900", 48_000_000_000],
    ["rocm1", "AMD GPU", 0],
  ]);
  assert.ok(devices[1]?.unavailable);
});

Deno.test("without the files amd-smi is run, then rocm-smi; without both there is no GPU", async () => {
  const outputs: Record<string, string> = {
    "amd-smi": recorded("amd_smi_mi300x.json"),
    "rocm-smi": recorded("rocm_smi_7900xt.json"),
  };
  const query = (...tools: string[]) =>
    amdSource(
      (name) =>
        Promise.resolve(tools.includes(name) ? { code: 0, output: outputs[name]! } : undefined),
      noFiles,
      true,
    ).query();
  assert.equal((await query("amd-smi", "rocm-smi")).length, 2);
  assert.equal((await query("rocm-smi"))[0]?.name, "Radeon RX 7900 XT");
  assert.deepEqual(await query(), []);
  outputs["rocm-smi"] = recorded("rocm_smi_rembrandt.json");
  assert.deepEqual(
    await query("rocm-smi"),
    [],
    "an integrated GPU with 512 MiB of its own is ignored",
  );
});
