import { z } from "zod";
import { systemClock } from "#shared/clock.ts";
import { fieldErrors } from "#shared/config/field_errors.ts";
import { type KeyView, newKey } from "#shared/contracts/mod.ts";
import { EXIT } from "#shared/defaults.ts";
import { invalidRequest } from "#shared/errors.ts";
import { defined } from "#shared/json.ts";
import { UsageError } from "#shared/lifecycle.ts";
import type { Config, KEY_FLAGS } from "../config.ts";
import { Keys } from "../access/api_keys.ts";
import { openExistingStore } from "../open_store.ts";

/** Strict, because a Date takes the 31st of February as the 3rd of March. */
const whenFlag = z.union([z.iso.date(), z.iso.datetime({ offset: true })]);

const figure = z.string().transform(Number).optional();

/** Values of {@linkcode KEY_FLAGS}; `newKey` checks them. */
const createFlags = z.object(
  {
    role: z.string().optional(),
    expires: z.string().transform(toTimestamp).optional(),
    "requests-per-minute": figure,
    "concurrent-jobs": figure,
    "tokens-per-day": figure,
    "unsafe-requests-per-hour": figure,
  } satisfies Record<keyof typeof KEY_FLAGS, z.ZodType>,
);

const USAGE = "orchestratord keys list, keys create NAME, or keys revoke ID";

/**
 * `orchestratord keys …`: manages API keys directly in the database, whether orchestratord runs or not. A
 * running one sees the change at its next call.
 *
 * @throws {UsageError} if the arguments are not a command
 */
export async function keys(
  words: readonly string[],
  config: Config,
  flags: Readonly<Record<string, string | boolean | undefined>>,
): Promise<number> {
  const [action, subject, ...more] = words;
  const isWhole = more.length === 0 && (action === "list") === (subject === undefined);
  if (!isWhole || !["list", "create", "revoke"].includes(action ?? "")) {
    throw new UsageError(`The command is missing: ${USAGE}`);
  }
  const wanted = action === "create"
    ? askedKey(subject ?? "", createFlags.parse(flags))
    : undefined;
  const store = await openExistingStore(config);
  try {
    const keys = new Keys(store, systemClock);
    if (wanted) {
      const { secret, ...view } = await keys.create(wanted);
      console.error(`${describe(view)}\nThe key is a secret and is shown only this once:`);
      console.log(secret);
    } else if (action === "revoke") {
      const { key, erased } = await keys.revoke(subject ?? "");
      console.log(describe(key));
      const what = { "stored responses": erased.responses, files: erased.files };
      for (const [name, count] of Object.entries({ ...what, batches: erased.batches })) {
        if (count > 0) console.error(`Its ${name} are erased: ${count}`);
      }
    } else for (const view of await keys.list()) console.log(describe(view));
    await store.sync();
    return EXIT.ok;
  } finally {
    await store.close();
  }
}

function askedKey(name: string, flags: z.output<typeof createFlags>) {
  const parsed = newKey.safeParse({
    name,
    ...defined({ role: flags.role, expires_at: flags.expires }),
    limits: defined({
      requests_per_minute: flags["requests-per-minute"],
      concurrent_jobs: flags["concurrent-jobs"],
      tokens_per_day: flags["tokens-per-day"],
      unsafe_requests_per_hour: flags["unsafe-requests-per-hour"],
    }),
  });
  if (parsed.success) return parsed.data;
  throw new UsageError(invalidRequest(fieldErrors(parsed.error)).message);
}

/** Converts a date or time to ISO 8601; a date is its first moment (UTC). */
function toTimestamp(text: string): string {
  const parsed = whenFlag.safeParse(text);
  if (parsed.success) return new Date(parsed.data).toISOString();
  throw new UsageError(`--expires: must be a date such as 2027-01-31: current value is "${text}"`);
}

/** A key in one line. */
function describe(key: KeyView): string {
  const bounds = Object.entries(key.limits).map(([name, value]) => `${name}=${value}`);
  return [
    key.key_id,
    key.role.padEnd(8),
    key.status.padEnd(7),
    key.expires_at === undefined ? "" : `expires=${key.expires_at}`,
    `used=${key.last_used_at ?? "never"}`,
    ...bounds,
    key.name,
  ].filter((part) => part !== "").join("  ");
}
