import { EXIT } from "#shared/defaults.ts";
import type { Invocation } from "../../../command.ts";
import type { Context } from "../../../context.ts";
import { hideSecrets } from "../../../git/failure.ts";
import { systemGit } from "../../../git/git.ts";
import { shortHash } from "../../../git/render.ts";
import { openRepository } from "../../../git/repository.ts";
import { listSubmodules } from "../../../git/submodules.ts";
import { columns } from "#shared/columns.ts";

/** `llorch git submodules list` */
export async function run(
  { options }: Invocation<{ json: boolean }>,
  context: Context,
): Promise<number> {
  const { stdout, stderr } = context;
  const git = await openRepository(systemGit(context, context.cwd));
  const submodules = (await listSubmodules(git)).map(({ path, url, recorded }) => ({
    path,
    recorded: recorded ?? null,
    url: url === undefined ? null : hideSecrets(url),
  }));
  if (options.json) stdout.write(JSON.stringify({ submodules }) + "\n");
  else if (submodules.length === 0) stderr.write("There are no submodules\n");
  else {
    const rows = submodules.map(({ path, recorded, url }) => [
      path,
      shortHash(recorded ?? undefined),
      url ?? "-",
    ]);
    stdout.write(
      columns([["submodule", "recorded", "url"], ...rows], { width: stdout.width }).join("\n") +
        "\n",
    );
  }
  return EXIT.ok;
}
