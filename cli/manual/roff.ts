import type { Example, Group } from "../command.ts";
import { EXIT_CODES } from "../help.ts";
import type { Option } from "../options.ts";
import { type CommandEntry, COMMON_OPTIONS, manualPages, PROGRAM_OPTIONS } from "./pages.ts";

/** A manual page in roff. */
export interface ManPage {
  /** `llorch-config.1` */
  readonly file: string;
  readonly text: string;
}

/** The manual pages of the program and of each top-level group or command. */
export function manPages(root: Group, version: string): ManPage[] {
  const pages = manualPages(root);
  const program = page(root.name, version, root.summary, [
    section("SYNOPSIS", bold(root.name), "[options] <command>"),
    section(
      "DESCRIPTION",
      ...pages.flatMap(({ name, summary }) => item(`llorch ${name}`, summary)),
    ),
    section("OPTIONS", ...PROGRAM_OPTIONS.flatMap(option)),
    section("EXIT STATUS", ...EXIT_CODES.flatMap(([code, meaning]) => item(code, meaning))),
    section(
      "ENVIRONMENT",
      ...item("NO_COLOR", "No colours"),
      ...item("LLORCH_*", "Overrides a key of the config file: LLORCH_POOL_URL overrides pool.url"),
    ),
    section(
      "FILES",
      ...item(
        "~/.config/llorch/config.toml",
        "Settings, see llorch config; XDG_CONFIG_HOME sets another folder",
      ),
    ),
    section("SEE ALSO", pages.map(({ name }) => `${bold(`llorch-${name}`)}(1)`).join(",\n")),
  ]);
  return [
    program,
    ...pages.map(({ name, summary, examples, commands }) =>
      page(`llorch-${name}`, version, summary, [
        section("SYNOPSIS", commands.map(({ usage }) => plain(usage)).join("\n.br\n")),
        section("COMMANDS", ...commands.flatMap(command)),
        section("OPTIONS OF EVERY COMMAND", ...COMMON_OPTIONS.flatMap(option)),
        ...(examples.length === 0
          ? []
          : [section("EXAMPLES", ...examples.flatMap(example).slice(1))]),
        section("SEE ALSO", `${bold("llorch")}(1)`),
      ])
    ),
  ];
}

/** A whole page; section 1 is for commands, 8 for daemons. */
export function page(
  name: string,
  version: string,
  summary: string,
  sections: readonly string[],
  manual: 1 | 8 = 1,
): ManPage {
  const head = `.\\" Made from the program itself by deno task docs; do not edit.\n` +
    `.TH ${name.toUpperCase()} ${manual} "" "llorch ${version}" "llorch manual"`;
  const naming = section("NAME", `${plain(name)} \\- ${plain(summary)}`);
  return { file: `${name}.${manual}`, text: [head, naming, ...sections].join("\n") + "\n" };
}

/** A section with its lines. */
export function section(title: string, ...lines: readonly string[]): string {
  return [`.SH ${title}`, ...lines].join("\n");
}

function command({ usage, summary, args, options, examples }: CommandEntry): string[] {
  return [
    `.SS ${quotedArgument(usage)}`,
    `${plain(summary)}.`,
    ...args.flatMap(({ name, summary }) => item(name, summary)),
    ...options.flatMap(option),
    ...examples.flatMap(example),
  ];
}

function option({ flags, summary }: Option): string[] {
  return item(flags, summary);
}

/** Begins with a paragraph macro, which must not follow a heading directly. */
function example({ line, summary }: Example): string[] {
  return [".PP", `${plain(summary)}:`, ".PP", ".nf", `    ${plain(`llorch ${line}`)}`, ".fi"];
}

/** A word and what it means. */
export function item(word: string, meaning: string): string[] {
  return [".TP", bold(word), plain(meaning)];
}

/** Text in bold. */
export function bold(text: string): string {
  return `\\fB${plain(text)}\\fR`;
}

function quotedArgument(text: string): string {
  return `"${plain(text).replaceAll('"', "\\(dq")}"`;
}

/** Escapes text for roff: backslashes, dashes as typed, no request at the start of a line. */
export function plain(text: string): string {
  return text.replaceAll("\\", "\\e").replaceAll("-", "\\-").replaceAll("~", "\\(ti")
    .replaceAll("^", "\\(ha").replaceAll("`", "\\(ga").replaceAll("…", "...")
    .replace(/^([.'])/, "\\&$1");
}
