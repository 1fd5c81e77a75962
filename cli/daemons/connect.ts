import { type Client, createClient } from "#shared/http/client.ts";
import { trusting } from "#shared/http/tls.ts";
import { UsageError } from "#shared/lifecycle.ts";
import { readApiToken } from "#shared/secrets.ts";
import { settings } from "../config/settings.ts";
import type { Context } from "../context.ts";
import { explaining } from "./failure.ts";
import type { DaemonKind } from "./kind.ts";

/**
 * A client of a daemon, at `--url` or at the address in the settings.
 *
 * @throws {UsageError} when settings or token file are wrong.
 */
export async function connect(
  kind: DaemonKind,
  { url: asked }: { readonly url: string | undefined },
  context: Context,
): Promise<Client> {
  const { url, tokenFile, caFile } = (await settings(context))[kind.section];
  const baseUrl = asked ?? url;
  const token = readToken(kind, tokenFile, context);
  return explaining(createClient({ baseUrl, token, http: trusting(caFile) }), kind);
}

/** @throws {UsageError} that says how to choose another token file. */
export function readToken(
  { section }: DaemonKind,
  tokenFile: string | undefined,
  { env }: Pick<Context, "env">,
): string | undefined {
  try {
    return readApiToken(tokenFile, env);
  } catch (error) {
    if (!(error instanceof UsageError) || /chmod/.test(error.message)) throw error;
    throw new UsageError(
      `${error.message}; llorch config set ${section}.token_file FILE chooses another, unset none`,
      { cause: error },
    );
  }
}
