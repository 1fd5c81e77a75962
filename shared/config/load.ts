import { parseArgs, type ParseArgsConfig } from "node:util";
import { z } from "zod";
import { errorMessage } from "../errors.ts";
import { fieldErrors } from "./field_errors.ts";
import { UsageError } from "../lifecycle.ts";
import { terminalWidth } from "../terminal.ts";
import { closest } from "../text.ts";
import { FaultyKey } from "./faulty_key.ts";
import { type ConfigSpec, type FileProblem, ownFlags } from "./spec.ts";
import { type ConfigKey, configKeys, envName, flagName } from "./schema.ts";
import { parseToml } from "./toml.ts";

/** Result of {@linkcode loadConfig}: what the command line asks for. */
export type Loaded<S extends z.ZodObject> =
  | {
    readonly kind: "run";
    readonly config: z.output<S>;
    readonly flags: Readonly<Record<string, string | boolean | undefined>>;
  }
  | {
    readonly kind: "command";
    readonly name: string;
    /** Arguments after the command that are not flags. */
    readonly words: readonly string[];
    readonly config: z.output<S>;
    readonly flags: Readonly<Record<string, string | boolean | undefined>>;
  }
  | { readonly kind: "help"; readonly text: string }
  | { readonly kind: "version" }
  | { readonly kind: "checked"; readonly text: string };

/** Sources of {@linkcode loadConfig}; parameters, so that tests need no global state. */
export interface ConfigSources {
  readonly args: readonly string[];
  readonly env: (name: string) => string | undefined;
  /** Returns undefined if the file does not exist. */
  readonly readFile: (path: string) => string | undefined;
  /** Columns of the terminal, for the help; undefined: lines of any length. */
  readonly width?: number | undefined;
}

/**
 * The arguments, environment and files of this process.
 *
 * @throws {UsageError} from `readFile`, if a file exists and cannot be read
 */
export function processSources(args: readonly string[]): ConfigSources {
  return {
    args,
    env: (name) => Deno.env.get(name),
    width: terminalWidth(Deno.stdout),
    readFile(path) {
      try {
        return Deno.readTextFileSync(path);
      } catch (error) {
        if (error instanceof Deno.errors.NotFound) return undefined;
        throw new UsageError(`Cannot read ${path}: ${errorMessage(error)}`, { cause: error });
      }
    },
  };
}

/**
 * The same for a running daemon that reloads. It refuses to read a pipe, since all its work would
 * have to wait until something is written to the pipe.
 *
 * @throws {UsageError} from `readFile`, also for a pipe
 */
export function sourcesAgain(args: readonly string[]): ConfigSources {
  const sources = processSources(args);
  return {
    ...sources,
    readFile(path) {
      if (isPipe(path)) {
        throw new UsageError(`Cannot read ${path} again: it is a pipe; restart the daemon instead`);
      }
      return sources.readFile(path);
    },
  };
}

function isPipe(path: string): boolean {
  try {
    return Deno.statSync(path).isFifo === true;
  } catch {
    return false; // Reading the file will report the error.
  }
}

/**
 * Reads the configuration. For each key: flag, then `LLORCH_*` variable, then file, then default.
 *
 * @throws {UsageError} Names the flag, the variable, or the file and line that is wrong.
 */
export async function loadConfig<S extends z.ZodObject>(
  spec: ConfigSpec<S>,
  sources: ConfigSources,
): Promise<Loaded<S>> {
  const keys = configKeys(spec.schema);
  const { flags, words: [name, ...words] } = parseArguments(spec, keys, sources.args);
  if (flags["help"]) {
    const { width } = sources;
    // Formatting text takes a tenth of a second to load, which no start needs.
    const { commandHelp, helpText } = await import("./help.ts");
    const text = name ? commandHelp(spec, keys, name, width) : helpText(spec, keys, width);
    return { kind: "help", text };
  }
  if (flags["version"]) return { kind: "version" };

  const file = readConfigFile(spec, flags["config"], sources);
  const tree: Record<string, unknown> = structuredClone(file?.tree ?? {});
  const origin = new Map<string, string>();
  for (const key of keys) {
    const [source, text] = flags[flagName(key)] !== undefined
      ? [`--${flagName(key)}`, flags[flagName(key)]]
      : [envName(key), sources.env(envName(key))];
    if (text === undefined) continue;
    setPath(tree, key.path, coerce(key, text, source));
    origin.set(key.path.join("."), source);
  }

  /** The flag of a field that is set nowhere; fields of a table with free names have none. */
  const flagOf = (field: string) => {
    const key = keys.find(({ path }) => path.join(".") === field);
    return key ? `--${flagName(key)}` : field;
  };
  const parsed = spec.schema.safeParse(tree);
  if (!parsed.success) {
    const place = file && await placesIn(file);
    const lines = fieldErrors(parsed.error).map(({ field, message }) => {
      const from = [...origin].find(([path]) => field === path || field.startsWith(path + "."))
        ?.[1];
      if (from !== undefined) return `${from}: ${message}`;
      const hint = message === "is not a known field" ? unknownKeyHint(field, keys) : "";
      if (place) return `${place(field)}: ${field} ${message}${hint}`;
      const isMissing = message.endsWith("received undefined");
      return `${flagOf(field)}: ${isMissing ? "is needed" : message}`;
    });
    throw new UsageError(lines.join("\n"));
  }
  const problems = [
    ...keysTogether(spec, parsed.data),
    ...flags["check-config"] ? await spec.checkFiles?.(parsed.data) ?? [] : [],
  ];
  if (problems.length > 0) {
    const lineOf = file && await linesIn(file);
    const lines = problems.map(({ key, message }) => {
      const field = key.join(".");
      const source = origin.get(field) ?? (lineOf ? `${lineOf(key)}: ${field}` : flagOf(field));
      return `${source}: ${message}`;
    });
    throw new UsageError(lines.join("\n"));
  }
  if (flags["check-config"]) {
    const valid = `${file?.path ?? "the defaults"}: the configuration is valid`;
    return {
      kind: "checked",
      text: [valid, ...await spec.describe?.(parsed.data) ?? []].join("\n"),
    };
  }
  const config = parsed.data;
  const extra = Object.fromEntries(
    Object.keys(ownFlags(spec)).map((flag) => [flag, flags[flag]]),
  );
  if (name !== undefined) return { kind: "command", name, words, config, flags: extra };
  return { kind: "run", config, flags: extra };
}

/**
 * What is wrong with keys together.
 *
 * @throws {UsageError} if that is not the fault of one of them
 */
function keysTogether<S extends z.ZodObject>(
  spec: ConfigSpec<S>,
  config: z.output<S>,
): readonly FileProblem[] {
  try {
    spec.check?.(config);
    return [];
  } catch (error) {
    if (!(error instanceof FaultyKey)) throw error;
    return [{ key: error.key, message: error.reason }];
  }
}

/**
 * Arguments in which a negative number is written in one word with its flag: parseArgs would take it
 * for a flag of its own.
 *
 * @param valued Flags that take a value.
 */
function withNegatives(args: readonly string[], valued: ReadonlySet<string>): string[] {
  const written: string[] = [];
  for (const arg of args) {
    const last = written.at(-1);
    const isValue = last !== undefined && valued.has(last) && /^-[.\d]/.test(arg);
    if (isValue) written[written.length - 1] = `${last}=${arg}`;
    else written.push(arg);
  }
  return written;
}

type Flags = Record<string, string | boolean | undefined>;

function parseArguments<S extends z.ZodObject>(
  spec: ConfigSpec<S>,
  keys: readonly ConfigKey[],
  args: readonly string[],
): { flags: Flags; words: readonly string[] } {
  const options: NonNullable<ParseArgsConfig["options"]> = {
    help: { type: "boolean", short: "h" },
    version: { type: "boolean", short: "V" },
  };
  if (spec.hasFile !== false) {
    options["config"] = { type: "string", short: "c" };
    options["check-config"] = { type: "boolean" };
  }
  for (const [name, { type }] of Object.entries(ownFlags(spec))) options[name] = { type };
  for (const key of keys) options[flagName(key)] = { type: "string" };
  const known = Object.keys(options);
  // A boolean flag without a value means true; parseArgs would take the next argument as its value.
  const booleans = new Set(keys.filter((k) => k.kind === "boolean").map((k) => `--${flagName(k)}`));
  const valued = new Set(
    Object.entries(options).filter(([, { type }]) => type === "string").map(([name]) =>
      `--${name}`
    ),
  );
  const given = withNegatives(args, valued).map((arg) => booleans.has(arg) ? `${arg}=true` : arg);
  const commands = Object.keys(spec.commands ?? {});
  try {
    const allowPositionals = commands.length > 0;
    const parsed = parseArgs({ args: given, options, strict: true, allowPositionals });
    const [name] = parsed.positionals;
    if (name !== undefined && !commands.includes(name)) {
      const near = closest(name, commands);
      const hint = near ? `did you mean ${near}?` : `${spec.program} --help lists them`;
      throw new UsageError(`Unknown command "${name}": ${hint}`);
    }
    const flags = parsed.values as Flags;
    checkCommandFlags(spec, name, flags);
    return { flags, words: parsed.positionals };
  } catch (error) {
    if (error instanceof UsageError) throw error;
    const unclear = /Option '(?:-\w, )?(--[\w-]+)[^']*' argument (?:is ambiguous|missing)/
      .exec(errorMessage(error))?.[1];
    if (unclear !== undefined) {
      const message = `${unclear}: needs a value; one that begins with a dash is ${unclear}=-…`;
      throw new UsageError(message, { cause: error });
    }
    const unknown = /Unknown option '(-{1,2}[^'\s]+)/.exec(errorMessage(error))?.[1];
    if (unknown === undefined) throw new UsageError(errorMessage(error), { cause: error });
    const near = closest(unknown.replace(/^-+/, ""), known);
    const hint = near ? `; did you mean --${near}?` : `; ${spec.program} --help lists them`;
    throw new UsageError(`Unknown option ${unknown}${hint}`, { cause: error });
  }
}

/** Refuses a command's flag that is given without the command. */
function checkCommandFlags<S extends z.ZodObject>(
  spec: ConfigSpec<S>,
  given: string | undefined,
  flags: Flags,
): void {
  for (const [command, facts] of Object.entries(spec.commands ?? {})) {
    if (command === given) continue;
    const flag = Object.keys(facts.flags ?? {}).find((name) => flags[name] !== undefined);
    if (flag === undefined) continue;
    throw new UsageError(`--${flag} belongs to another command: ${spec.program} ${command}`);
  }
}

interface ConfigFile {
  readonly path: string;
  readonly text: string;
  readonly tree: Record<string, unknown>;
}

function readConfigFile<S extends z.ZodObject>(
  spec: ConfigSpec<S>,
  asked: string | boolean | undefined,
  sources: ConfigSources,
): ConfigFile | undefined {
  const path = typeof asked === "string" ? asked : spec.defaultFile;
  if (path === undefined || spec.hasFile === false) return undefined;
  const text = sources.readFile(path);
  if (text === undefined) {
    if (asked === undefined) return undefined;
    throw new UsageError(`Cannot find the config file ${path}`);
  }
  return { path, text, tree: parseToml(text, path) };
}

/** Gives the file and line of a field. */
async function placesIn(file: ConfigFile): Promise<(field: string) => string> {
  const lineOf = await linesIn(file);
  return (field) => lineOf(field.split("."));
}

/** The line of a key in a file, as `FILE:LINE`. */
async function linesIn({ path, text }: ConfigFile): Promise<(key: readonly string[]) => string> {
  const { lineOf, scanToml } = await import("./toml_positions.ts");
  const marks = scanToml(text);
  return (key) => `${path}:${lineOf(marks, key)}`;
}

function coerce(key: ConfigKey, text: string | boolean, source: string): unknown {
  if (typeof text === "boolean") return text;
  switch (key.kind) {
    case "string":
      return text;
    case "list":
      return text.split(",").map((part) => part.trim()).filter((part) => part !== "");
    case "boolean":
      if (text === "true" || text === "1") return true;
      if (text === "false" || text === "0") return false;
      throw new UsageError(`${source}: must be true or false: current value is "${text}"`);
    case "number": {
      const value = Number(text);
      if (text.trim() !== "" && Number.isFinite(value)) return value;
      throw new UsageError(`${source}: must be a number: current value is "${text}"`);
    }
  }
}

function setPath(tree: Record<string, unknown>, path: readonly string[], value: unknown): void {
  let at = tree;
  for (const name of path.slice(0, -1)) {
    const next = at[name] ??= {};
    // The file has a value in place of a section, which the schema will refuse.
    if (typeof next !== "object" || next === null) return;
    at = next as Record<string, unknown>;
  }
  at[path.at(-1)!] = value;
}

function unknownKeyHint(field: string, keys: readonly ConfigKey[]): string {
  const known = keys.flatMap(({ path }) => path.map((_, end) => path.slice(0, end + 1).join(".")));
  const near = closest(field, known);
  return near ? `; did you mean ${near}?` : "";
}
