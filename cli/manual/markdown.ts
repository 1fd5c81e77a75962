import type { Group } from "../command.ts";
import { variableOf } from "../config/defaults.ts";
import { FIXED_KEYS, HOST_KEYS } from "../config/keys.ts";
import { EXIT_CODES } from "../help.ts";
import type { Option } from "../options.ts";
import { type CommandEntry, manualPages, type Page, PROGRAM_OPTIONS } from "./pages.ts";

/** The manual as one Markdown page; a formatter may still break its lines. */
export function markdownManual(root: Group): string {
  const pages = manualPages(root);
  return [
    "# The llorch command line",
    "<!-- Made from the commands themselves by `deno task docs`; do not edit. -->",
    `${root.summary}. From a checkout it is \`deno task llorch …\`, installed it is \`llorch …\`, with ` +
    "the same arguments and exit codes. Data goes to stdout, everything else to stderr. There are " +
    "no colours in a pipe or where `NO_COLOR` is set. Without a terminal, nothing is asked.",
    "## Every command",
    table(["option", "meaning"], PROGRAM_OPTIONS.map(optionRow)),
    table(["exit code", "meaning"], EXIT_CODES),
    table(
      ["command", "what it is for"],
      pages.map(({ name, summary }) => [`[\`llorch ${name}\`](#llorch-${name})`, summary]),
    ),
    ...settingsParts(),
    ...pages.flatMap(pageParts),
  ].join("\n\n") + "\n";
}

function settingsParts(): string[] {
  const fixed = FIXED_KEYS.map(({ path, description }) => {
    const key = path.join(".");
    return [code(key), code(variableOf(key)), escape(description)];
  });
  const ofHosts = HOST_KEYS.map(({ path, description }) => [
    code(`hosts.NAME.${path.join(".")}`),
    "",
    escape(description),
  ]);
  return [
    "## Settings",
    "They are in `~/.config/llorch/config.toml` (`llorch config path`); a variable overrides " +
    "the file.",
    table(["key", "variable", "meaning"], [...fixed, ...ofHosts]),
  ];
}

function pageParts({ name, summary, examples, commands }: Page): string[] {
  const isGroup = commands.length > 1 || examples.length > 0;
  return [
    `## llorch ${name}`,
    `${summary}.`,
    ...(isGroup ? exampleParts(examples) : []),
    ...commands.flatMap((entry) => commandParts(entry, isGroup)),
  ];
}

function commandParts(
  { usage, summary, args, options, examples }: CommandEntry,
  hasHeading: boolean,
): string[] {
  const rows = [
    ...args.map(({ name, summary }) => [code(name), escape(summary)]),
    ...options.map(optionRow),
  ];
  return [
    ...(hasHeading ? [`### ${code(usage)}`, `${escape(summary)}.`] : [code(usage)]),
    ...(rows.length === 0 ? [] : [table(["argument", "meaning"], rows)]),
    ...exampleParts(examples),
  ];
}

function exampleParts(examples: CommandEntry["examples"]): string[] {
  if (examples.length === 0) return [];
  const lines = examples.map(({ line, summary }) => `# ${summary}\nllorch ${line}`);
  return ["```sh\n" + lines.join("\n") + "\n```"];
}

function optionRow({ flags, summary }: Option): string[] {
  return [code(flags), escape(summary)];
}

function code(text: string): string {
  return `\`${text.replaceAll("|", "\\|")}\``;
}

function escape(text: string): string {
  return text.replaceAll(/[|<*_]/g, "\\$&");
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}
