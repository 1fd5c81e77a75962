import { type Client, createClient } from "#shared/http/client.ts";
import { trusting } from "#shared/http/tls.ts";
import { UsageError } from "#shared/lifecycle.ts";
import { readApiToken } from "#shared/secrets.ts";
import type { Options } from "../command.ts";
import { settings } from "../config/settings.ts";
import type { Context } from "../context.ts";
import { explaining } from "./failure.ts";
import type { DaemonKind } from "./kind.ts";
import { textOption } from "./option_values.ts";

/**
 * A client of a daemon: `--url`, else the person's settings.
 *
 * @throws {UsageError} when URL, settings or token file are wrong.
 */
export async function connect(
  kind: DaemonKind,
  options: Options,
  context: Context,
): Promise<Client> {
  const { url, tokenFile, caFile } = (await settings(context))[kind.section];
  const baseUrl = urlOf(options) ?? url;
  const token = readToken(kind, tokenFile, context);
  return explaining(createClient({ baseUrl, token, http: trusting(caFile) }), kind);
}

/** @throws {UsageError} that says how to name another token file. */
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
      `${error.message}; llorch config set ${section}.token_file names another, unset none`,
      { cause: error },
    );
  }
}

/** @throws {UsageError} when `--url` is not one. */
export function urlOf(options: Options): string | undefined {
  const url = textOption(options, "url")?.replace(/\/+$/, "");
  if (url === undefined) return undefined;
  if (URL.canParse(url) && /^https?:$/.test(new URL(url).protocol)) return url;
  throw new UsageError(`--url must be an http or https URL: current value is "${url}"`);
}
