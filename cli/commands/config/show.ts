import { columns } from "#shared/columns.ts";
import { EXIT } from "#shared/defaults.ts";
import type { Invocation } from "../../command.ts";
import { readEffective, withLines } from "../../config/effective.ts";
import { findKey, FIXED_KEYS, formatValue, HOST_KEYS } from "../../config/keys.ts";
import type { Context } from "../../context.ts";

/** `llorch config get` */
export async function get(
  { args, options }: Invocation<{ json: boolean }>,
  context: Context,
): Promise<number> {
  const [key = ""] = args;
  findKey(key);
  const entries = await withLines(await readEffective(context.env));
  const entry = entries.find((each) => each.key === key);
  if (entry === undefined) {
    context.stderr.write(`llorch: ${key} is not set; llorch config set ${key} VALUE sets it\n`);
    return EXIT.failed;
  }
  context.stdout.write(
    (options.json ? JSON.stringify(entry) : formatValue(entry.value)) + "\n",
  );
  return EXIT.ok;
}

/** `llorch config list` */
export async function list(
  { options }: Invocation<{ all: boolean; json: boolean }>,
  { stdout, env }: Context,
): Promise<number> {
  const entries = await withLines(await readEffective(env));
  const keys = options.all ? [...entries, ...unsetKeys(entries)] : entries;
  if (options.json) {
    stdout.write(JSON.stringify({ keys }) + "\n");
    return EXIT.ok;
  }
  const rows = keys.map(({ key, value, source, description }) => [
    key,
    value === undefined ? "-" : formatValue(value),
    source,
    ...(options.all ? [description] : []),
  ]);
  stdout.write(columns(rows, { width: stdout.width }).join("\n") + "\n");
  return EXIT.ok;
}

interface Unset {
  readonly key: string;
  readonly value?: undefined;
  readonly source: string;
  readonly description: string;
}

function unsetKeys(entries: readonly { readonly key: string }[]): Unset[] {
  const set = new Set(entries.map(({ key }) => key));
  return [
    ...FIXED_KEYS.map(({ path, description }) => ({ key: path.join("."), description })),
    ...HOST_KEYS.map(({ path, description }) => ({
      key: `hosts.NAME.${path.join(".")}`,
      description,
    })),
  ].filter(({ key }) => !set.has(key)).map((each) => ({ ...each, source: "not set" }));
}
