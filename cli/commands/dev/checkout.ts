import { join } from "node:path";
import { checkoutRoot } from "#shared/executables.ts";
import { followUs } from "#shared/launcher.ts";
import { findCheckout } from "../../checkout/checkout.ts";
import { runDeno, runTask } from "../../checkout/deno.ts";
import type { Invocation } from "../../command.ts";
import type { Context } from "../../context.ts";

/** `llorch dev check` */
export async function check(_invocation: Invocation<unknown>, { cwd }: Context): Promise<number> {
  return await runTask("check", [], cwd);
}

/**
 * `llorch dev up`: runs the script of `deno task up` in the current folder, so that relative paths
 * in its arguments are resolved there. The script ends when this process ends.
 */
export async function up({ args }: Invocation<unknown>, { cwd }: Context): Promise<number> {
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
