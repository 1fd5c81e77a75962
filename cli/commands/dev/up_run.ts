import { join } from "node:path";
import { checkoutRoot } from "#shared/executables.ts";
import { followUs } from "#shared/launcher.ts";
import type { Invocation } from "../../command.ts";
import { findCheckout } from "../../checkout/checkout.ts";
import { runDeno } from "../../checkout/deno.ts";
import type { Context } from "../../context.ts";

/**
 * `llorch dev up`: the script behind `deno task up`, in the person's folder, so that their relative
 * paths mean what they say. It ends with us, however we end.
 */
export async function run({ args }: Invocation<unknown>, { cwd }: Context): Promise<number> {
  const root = findCheckout(cwd, checkoutRoot());
  return await runDeno(
    [
      "run",
      "--quiet",
      "--no-prompt",
      `--config=${join(root, "deno.json")}`,
      "-P=local",
      join(root, "deploy/local/up.ts"),
      ...args,
    ],
    cwd,
    { env: followUs() },
  );
}
