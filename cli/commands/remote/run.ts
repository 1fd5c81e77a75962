import { columns } from "#shared/columns.ts";
import { EXIT } from "#shared/defaults.ts";
import type { Invocation } from "../../command.ts";
import { settings } from "../../config/settings.ts";
import type { Context } from "../../context.ts";
import { findHost } from "../../remote/hosts.ts";
import { runThere } from "../../remote/run_there.ts";

/** `llorch remote exec` */
export async function exec({ args }: Invocation<unknown>, context: Context): Promise<number> {
  const [name = "", program = "", ...rest] = args;
  const host = await findHost(name, context);
  return await runThere(name, host, { program, args: rest }, context);
}

/** `llorch remote hosts list` */
export async function listHosts(
  { options }: Invocation<{ json: boolean }>,
  context: Context,
): Promise<number> {
  const { stdout, stderr } = context;
  const hosts = Object.entries((await settings(context)).hosts)
    .map(([name, host]) => ({ name, ...host }));
  if (options.json) {
    stdout.write(JSON.stringify({ hosts }) + "\n");
  } else if (hosts.length === 0) {
    stderr.write("No hosts yet; llorch remote hosts add NAME ADDRESS adds one\n");
  } else {
    const rows = hosts.map(({ name, address, user, port, llorch }) => [
      name,
      `${user === undefined ? "" : `${user}@`}${address}${port === undefined ? "" : `:${port}`}`,
      llorch ?? "llorch",
    ]);
    stdout.write(
      columns([["NAME", "ADDRESS", "LLORCH"], ...rows], { width: stdout.width }).join("\n") + "\n",
    );
  }
  return EXIT.ok;
}
