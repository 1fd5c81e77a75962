import { type ConfigKey, flagName } from "#shared/config/schema.ts";
import { type Pages, shellLines } from "./doc_rules.ts";

/** The settings of a daemon that documents may name. */
export interface DaemonSettings {
  readonly program: string;
  readonly keys: readonly ConfigKey[];
  /** Flags that are not config keys, without dashes. */
  readonly flags: readonly string[];
}

/** Flags in shell blocks that the daemon does not have. */
export function unknownFlags(pages: Pages, daemons: readonly DaemonSettings[]): string[] {
  return [...pages].flatMap(([page, text]) =>
    shellLines(text).flatMap((line) =>
      daemons.flatMap(({ program, keys, flags }) => {
        const call = new RegExp(`(?:^|[\\s/])${program}((?: [^|;&#]*)?)`).exec(line)?.[1] ?? "";
        const known = new Set([...keys.map(flagName), ...flags]);
        return [...call.matchAll(/\s--([a-z][\w-]*)/g)].map(([, name = ""]) => name)
          .filter((name) => !known.has(name))
          .map((name) => `${page}: \`${program}\` has no flag --${name}`);
      })
    )
  );
}

/** Keys in code (`queue.capacity`) and in TOML blocks that no daemon has. */
export function unknownKeys(pages: Pages, daemons: readonly DaemonSettings[]): string[] {
  const paths = daemons.flatMap(({ keys }) => keys.map(({ path }) => path.join(".")));
  const isKnown = (key: string) => paths.some((path) => path === key || path.startsWith(`${key}.`));
  const sections = new Set(paths.filter((path) => path.includes(".")).map(sectionOf));
  return [...pages].flatMap(([page, text]) => {
    const named = [...text.replace(/^```[^]*?^```/gm, "").matchAll(/`([a-z_]+(?:\.[a-z0-9_]+)+)/g)]
      .map(([, key = ""]) => key)
      .filter((key) => sections.has(sectionOf(key)) && !NAMES.test(key));
    return [...named, ...tomlKeys(text)].filter((key) => !isKnown(key))
      .map((key) => `${page}: there is no setting ${key}`);
  });
}

/** Files and domains look like keys. */
const NAMES = /\.(?:ts|toml|md|sh|db|json|jsonl|example|service)$/;

function sectionOf(key: string): string {
  return key.split(".")[0]!;
}

/** Keys of TOML blocks, without those of tables with chosen names (`[engines.NAME]`). */
function tomlKeys(text: string): string[] {
  return [...text.matchAll(/^ *```toml\n([^]*?)^ *```/gm)].flatMap(([, block = ""]) => {
    let table = "";
    return block.split("\n").flatMap((line) => {
      const header = /^\s*\[([^\]]+)\]/.exec(line)?.[1];
      if (header !== undefined) table = header;
      const name = /^\s*([a-z_0-9]+)\s*=/.exec(line)?.[1];
      if (name === undefined || /[A-Z]|^(?:engines|names|worker\.models)\./.test(table)) return [];
      return [table === "" ? name : `${table}.${name}`];
    });
  });
}
