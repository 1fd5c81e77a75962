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
  const token = readApiToken(tokenFile, context.env);
  return explaining(createClient({ baseUrl, token, http: trusting(caFile) }), kind);
}

/** @throws {UsageError} when `--url` is not one. */
export function urlOf(options: Options): string | undefined {
  const url = textOption(options, "url")?.replace(/\/+$/, "");
  if (url === undefined) return undefined;
  if (URL.canParse(url) && /^https?:$/.test(new URL(url).protocol)) return url;
  throw new UsageError(`--url must be an http or https URL: current value is "${url}"`);
}
