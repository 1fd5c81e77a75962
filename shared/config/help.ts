import type { z } from "zod";
import { columns } from "../columns.ts";
import { type ConfigSpec, type FlagFacts, ownFlags } from "./spec.ts";
import { type ConfigKey, envName, flagName } from "./schema.ts";

/** The help of a program. */
export function helpText<S extends z.ZodObject>(
  spec: ConfigSpec<S>,
  keys: readonly ConfigKey[],
  width: number | undefined,
): string {
  const rows = fileRows(spec);
  if (spec.hasFile !== false) rows.push(["--check-config", "Validate the configuration and exit"]);
  rows.push(...flagRows(ownFlags(spec)), ...keys.map(keyRow));
  rows.push(HELP_ROW, ["-V, --version", "Version"]);
  const sample = keys.find((key) => key.kind === "number") ?? keys[0]!;
  const commands = Object.entries(spec.commands ?? {}).map(([name, { words, summary }]): Row => [
    `       ${spec.program} ${name} ${words}`,
    summary,
  ]);
  return [
    `${spec.program}: ${spec.summary}`,
    "",
    `Usage: ${spec.program} [options]`,
    ...columns(commands, { width }),
    "",
    ...table(rows, width),
    "",
    `Every key can also be set in the environment: --${flagName(sample)} is ${envName(sample)}.`,
  ].join("\n");
}

/** The help of one command: its own flags, and the config keys that it uses. */
export function commandHelp<S extends z.ZodObject>(
  spec: ConfigSpec<S>,
  keys: readonly ConfigKey[],
  name: string,
  width: number | undefined,
): string {
  const { words, summary, flags = {}, uses = [] } = spec.commands![name]!;
  const used = keys.filter(({ path }) => uses.includes(path.join(".")));
  const rows = [...flagRows(flags), ...used.map(keyRow), ...fileRows(spec), HELP_ROW];
  return [
    `${spec.program} ${name}: ${summary}`,
    "",
    `Usage: ${spec.program} ${name} ${words} [options]`,
    "",
    ...table(rows, width),
  ].join("\n");
}

/** An option and its help. */
type Row = [string, string];

const HELP_ROW: Row = ["-h, --help", "This text"];

function fileRows<S extends z.ZodObject>({ hasFile, defaultFile }: ConfigSpec<S>): Row[] {
  const standard = defaultFile ? ` (default ${defaultFile})` : "";
  return hasFile === false ? [] : [["-c, --config FILE", `TOML file${standard}`]];
}

function flagRows(flags: FlagFacts): Row[] {
  return Object.entries(flags).map(([name, { type, help }]) => [
    `--${name}${type === "string" ? " VALUE" : ""}`,
    help,
  ]);
}

function keyRow(key: ConfigKey): Row {
  const value = key.kind === "boolean" ? "" : ` ${key.kind.toUpperCase()}`;
  const standard = key.defaultValue === undefined
    ? ""
    : ` (default ${JSON.stringify(key.defaultValue)})`;
  return [`--${flagName(key)}${value}`, key.description + standard];
}

function table(rows: readonly Row[], width: number | undefined): string[] {
  return columns(rows.map(([left, right]) => [`  ${left}`, right]), { width });
}
