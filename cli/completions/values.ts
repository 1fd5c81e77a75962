import { join } from "node:path";
import { homeDir } from "#shared/paths.ts";
import { settings } from "../config/settings.ts";
import type { Context } from "../context.ts";
import type { ValueKind } from "./shells.ts";

/** Longest wait for names from the service, in milliseconds. */
const TIMEOUT_MS = 500;

/** Most jobs that are offered, newest first. */
const MAX_JOBS = 50;

/** The names of a kind. Modules are loaded only where needed, because a person waits for them. */
export async function namesOf(kind: ValueKind, context: Context): Promise<readonly string[]> {
  switch (kind) {
    case "hosts":
      return [...new Set([...Object.keys((await settings(context)).hosts), ...sshHosts(context)])];
    case "catalog": {
      const { readCatalog } = await import("../models/catalog.ts");
      return readCatalog().map(({ id }) => id);
    }
    case "models": {
      const { findInstalled, searchDirs } = await import("../models/installed.ts");
      const { models } = await findInstalled(await searchDirs(context));
      return [...new Set(models.map(({ name }) => name))];
    }
    case "jobs":
      return await jobIds(context);
  }
}

async function jobIds(context: Context): Promise<string[]> {
  const [{ createClient }, { trusting }, { orchestratorRoutes }, { readApiToken }] = await Promise
    .all([
      import("#shared/http/client.ts"),
      import("#shared/http/tls.ts"),
      import("#shared/contracts/mod.ts"),
      import("#shared/secrets.ts"),
    ]);
  const { url, tokenFile, caFile } = (await settings(context)).orchestrator;
  const token = readApiToken(tokenFile, context.env);
  const client = createClient({
    baseUrl: url,
    token,
    timeoutMs: TIMEOUT_MS,
    http: trusting(caFile),
  });
  const query = { limit: MAX_JOBS };
  const { tasks } = await client.call(orchestratorRoutes.listTasks, { query });
  return tasks.map(({ job_id }) => job_id);
}

/** The names in `~/.ssh/config`, without patterns. */
function sshHosts({ env }: Context): string[] {
  let text: string;
  try {
    text = Deno.readTextFileSync(join(homeDir(env), ".ssh", "config"));
  } catch {
    return [];
  }
  return [...text.matchAll(/^[ \t]*Host[ \t=]+(.+)$/gim)]
    .flatMap(([, names = ""]) => names.trim().split(/\s+/))
    .filter((name) => /^\w[\w.-]*$/.test(name));
}
