import { columns } from "#shared/columns.ts";
import { EXIT } from "#shared/defaults.ts";
import { trusting } from "#shared/http/tls.ts";
import { UsageError } from "#shared/lifecycle.ts";
import type { Invocation } from "../../command.ts";
import { settings } from "../../config/settings.ts";
import type { Context } from "../../context.ts";
import { readToken } from "../../daemons/connect.ts";
import { ORCHESTRATORD } from "../../daemons/kind.ts";
import { painter } from "../../output/paint.ts";
import { smokeTest } from "../../smoke/smoke.ts";

/**
 * `llorch test smoke`
 *
 * @returns 1 when something fails
 * @throws {UsageError} if the URL is not http or https
 */
export async function smoke(
  { options }: Invocation<{ json: boolean; model: string | undefined; url: string | undefined }>,
  context: Context,
): Promise<number> {
  const { stdout, signal } = context;
  const { orchestrator } = await settings(context);
  const url = options.url ?? orchestrator.url;
  if (!/^https?:$/.test(URL.parse(url)?.protocol ?? "")) {
    throw new UsageError(`Cannot use --url ${url}: it must begin with http:// or https://`);
  }
  const token = readToken(ORCHESTRATORD, orchestrator.tokenFile, context);
  const results = await smokeTest({
    url,
    token,
    http: trusting(orchestrator.caFile),
    model: options.model,
    signal,
  });
  const isOk = results.every(({ ok }) => ok);
  if (options.json) {
    stdout.write(JSON.stringify({ ok: isOk, url, checks: results }) + "\n");
    return isOk ? EXIT.ok : EXIT.failed;
  }
  const paint = painter(stdout, context);
  const rows = results.map(({ ok, name, message, ms }) => [
    ok ? "ok" : "fail",
    name,
    `${ms} ms`,
    message,
  ]);
  for (const [index, line] of columns(rows, { width: stdout.width }).entries()) {
    const word = rows[index]![0]!;
    stdout.write(paint(word === "ok" ? "green" : "red", word) + line.slice(word.length) + "\n");
  }
  return isOk ? EXIT.ok : EXIT.failed;
}
