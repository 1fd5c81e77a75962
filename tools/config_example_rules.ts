import { parse } from "@std/toml";
import type { z } from "zod";
import { fieldErrors } from "#shared/config/field_errors.ts";
import { type ConfigKey, configKeys } from "#shared/config/schema.ts";

/** A commented setting or section: `# token_file = "/etc/llorch/token"`, `# [engines.x]`. */
const COMMENTED_SETTING = /^#\s?(?=[a-z][a-z0-9_]* = |\[[a-z][\w.-]*\]$)/gm;

type Tree = Readonly<Record<string, unknown>>;

/**
 * Problems of a shipped example file. It must have every key of the schema: with its default, or,
 * if there is none, as a comment with a valid value.
 */
export function exampleProblems(text: string, schema: z.ZodObject): string[] {
  let set: Tree;
  let mentioned: Tree;
  try {
    set = parse(text);
    mentioned = parse(text.replace(COMMENTED_SETTING, ""));
  } catch (error) {
    return [`is not TOML: ${(error as Error).message.split("\n")[0]}`];
  }
  const keys = configKeys(schema);
  return [
    ...invalid(schema, mentioned),
    ...keys.flatMap((key) => keyProblems(key, set, mentioned)),
    ...unexplained(text),
  ];
}

function invalid(schema: z.ZodObject, tree: Tree): string[] {
  const parsed = schema.safeParse(tree);
  if (parsed.success) return [];
  return fieldErrors(parsed.error).map(({ field, message }) => `${field} ${message}`);
}

function keyProblems(key: ConfigKey, set: Tree, mentioned: Tree): string[] {
  const value = at(set, key.path);
  if (at(mentioned, key.path) === undefined) return [`${name(key)} is missing`];
  if (key.defaultValue === undefined) {
    return value === undefined ? [] : [`${name(key)} has no default: it must be a comment`];
  }
  const [actual, standard] = [JSON.stringify(value), JSON.stringify(key.defaultValue)];
  return actual === standard ? [] : [`${name(key)} is ${actual}, its default ${standard}`];
}

/** Settings without a comment before them. */
function unexplained(text: string): string[] {
  const lines = text.split("\n");
  return lines.flatMap((line, index) => {
    const setting = /^(?:#\s?)?([a-z][a-z0-9_]*) = /.exec(line)?.[1];
    if (setting === undefined || lines[index - 1]?.startsWith("#")) return [];
    return [`line ${index + 1}: ${setting} has no comment above it`];
  });
}

const name = (key: ConfigKey): string => key.path.join(".");

function at(tree: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>((node, part) => (node as Tree | undefined)?.[part], tree);
}
