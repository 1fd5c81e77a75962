import { fileURLToPath } from "node:url";

/** How a fake worker is started. */
export const FAKE_COMMAND = {
  command: Deno.execPath(),
  args: [
    ["run", "--quiet", "-A", "--no-config", "--no-lock"],
    fileURLToPath(new URL("./fake_worker.ts", import.meta.url)),
  ].flat(),
};
