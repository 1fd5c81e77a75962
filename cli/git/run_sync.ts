import { EXIT } from "#shared/defaults.ts";
import type { Context } from "../context.ts";
import { talkingGit } from "./git.ts";
import { describeUpdate, shortHash } from "./render.ts";
import { lossReporter } from "./report.ts";
import { openRepository } from "./repository.ts";
import { type Synced, type SyncOptions, syncRepository } from "./sync.ts";

/**
 * The code of `pull` and `sync`: updates the repository and prints the result.
 *
 * @returns 1 when a submodule had to be left alone
 */
export async function runSync(
  { json, quiet }: { readonly json: boolean; readonly quiet: boolean },
  context: Context,
  how: Pick<SyncOptions, "strict" | "force">,
): Promise<number> {
  const { stdout, stderr } = context;
  const git = await openRepository(
    talkingGit(context, { quiet: quiet || json }),
  );
  const losses = lossReporter(stderr);
  const synced = await syncRepository(git, { ...how, onLoss: losses.onLoss });
  const { moved, kept } = describeUpdate(synced.submodules);
  for (const line of kept) stderr.write(`llorch: ${line}\n`);
  if (json) {
    stdout.write(JSON.stringify({ ...synced, lost: losses.all }) + "\n");
  } else if (!quiet) {
    stdout.write([describe(synced), ...moved].join("\n") + "\n");
  }
  return kept.length === 0 ? EXIT.ok : EXIT.failed;
}

function describe({ branch, upstream, from, to, commits, ahead }: Synced): string {
  const rest = ahead > 0 ? `, ${ahead} ahead of ${upstream}` : "";
  if (from === to) return `${branch}: up to date at ${shortHash(to)}${rest}`;
  const came = commits === 1 ? "1 new commit" : `${commits} new commits`;
  return `${branch}: ${shortHash(from)} → ${shortHash(to)} (${came})`;
}
