import { type ConfigKey, envName, flagName } from "#shared/config/schema.ts";

/** A daemon's part of the page. */
export interface DaemonKeys {
  readonly program: string;
  readonly summary: string;
  /** Its config file; undefined if it has none. */
  readonly file: string | undefined;
  /** Path of the commented example, relative to the page. */
  readonly example: string | undefined;
  readonly keys: readonly ConfigKey[];
}

const INTRODUCTION = `# Configuration

Every setting of every daemon, from the schemas that check them. A flag goes before a variable, which
goes before the file; a key that is not on this page is an error with file and line. A key with dots
stands in a table: \`queue.capacity\` is \`capacity\` below \`[queue]\`, \`--queue-capacity\` and
\`LLORCH_QUEUE_CAPACITY\`. Tables that you name yourself, \`[names.NAME]\` of orchestratord and
\`[engines.NAME]\` of pool-managerd, stand in the file alone, and the example explains their keys. Lists
are given to a flag with commas. Times are whole milliseconds. A daemon's \`--check-config\` checks its file and exits; \`orchestratord\` reads it again at SIGHUP.
`;

/** The page in Markdown, not yet formatted. */
export function configPage(daemons: readonly DaemonKeys[]): string {
  return [INTRODUCTION, ...daemons.map(section)].join("\n");
}

function section({ program, summary, file, example, keys }: DaemonKeys): string {
  const where = file === undefined
    ? "Flags and variables only: its pool manager starts it."
    : `File: \`${file}\`.` + (example === undefined ? "" : ` [A commented example](${example}).`);
  const rows = keys.map((key) => {
    const name = file === undefined ? `--${flagName(key)}` : key.path.join(".");
    const variable = file === undefined ? ` (\`${envName(key)}\`)` : "";
    const standard = key.defaultValue === undefined
      ? ""
      : `\`${JSON.stringify(key.defaultValue)}\``;
    return `| \`${name}\`${variable} | ${standard} | ${cell(key.description)} |`;
  });
  return [
    `## ${program}`,
    "",
    `It ${summary}. ${where}`,
    "",
    "| key | default | meaning |",
    "| --- | --- | --- |",
    ...rows,
    "",
  ].join("\n");
}

/** Escapes text for a cell of a table. */
function cell(text: string): string {
  return text.replaceAll("|", "\\|");
}
