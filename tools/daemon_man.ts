import type { z } from "zod";
import type { ConfigSpec } from "#shared/config/spec.ts";
import { configKeys, envName, flagName } from "#shared/config/schema.ts";
import { bold, item, type ManPage, page, section } from "../cli/manual/roff.ts";
import { EXIT_CODES } from "../cli/help.ts";

/** The manual page of a daemon, from its configuration. */
export function daemonPage<S extends z.ZodObject>(
  spec: ConfigSpec<S>,
  version: string,
  seeAlso: readonly string[],
): ManPage {
  const { program, summary, defaultFile, commands = {} } = spec;
  const hasFile = spec.hasFile !== false;
  const options = configKeys(spec.schema).flatMap((key) => {
    const value = key.kind === "boolean" ? "" : ` ${key.kind.toUpperCase()}`;
    const standard = key.defaultValue === undefined
      ? ""
      : ` Default: ${JSON.stringify(key.defaultValue)}.`;
    const names = hasFile ? `${key.path.join(".")}, ${envName(key)}` : envName(key);
    return item(`--${flagName(key)}${value}`, `${key.description}.${standard} Also: ${names}.`);
  });
  const own = Object.entries(commands);
  return page(program, version, summary, [
    section(
      "SYNOPSIS",
      `${bold(program)} [options]`,
      ...own.flatMap(([name, { words }]) => [".br", `${bold(`${program} ${name}`)} ${words}`]),
    ),
    ...(own.length === 0 ? [] : [
      section(
        "COMMANDS",
        ...own.flatMap(([name, { words, summary, flags = {} }]) => [
          ...item(`${name} ${words}`, summary),
          ...Object.entries(flags).flatMap(([flag, { type, help }]) =>
            item(`--${flag}${type === "string" ? " VALUE" : ""}`, help)
          ),
        ]),
      ),
    ]),
    section(
      "OPTIONS",
      ...(hasFile
        ? item("-c, --config FILE", "TOML file; a flag and a variable go before it")
        : []),
      ...(hasFile ? item("--check-config", "Validate the configuration and exit") : []),
      ...options,
      ...item("-h, --help", "List the options"),
      ...item("-V, --version", "Show the version"),
    ),
    section("EXIT STATUS", ...EXIT_CODES.flatMap(([code, meaning]) => item(code, meaning))),
    ...(defaultFile === undefined
      ? []
      : [section("FILES", ...item(defaultFile, "Configuration; it explains every key"))]),
    section("SEE ALSO", seeAlso.map(bold).join(", ")),
  ], 8);
}
