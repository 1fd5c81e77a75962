import { dirname, normalize } from "node:path/posix";
import type { Command, Group } from "../cli/command.ts";
import { COMMON_OPTIONS, PROGRAM_OPTIONS } from "../cli/manual/pages.ts";

/** Pages in Markdown, by path from the root of the repository. */
export type Pages = ReadonlyMap<string, string>;

/** Links to files and headings that do not exist. */
export function brokenLinks(pages: Pages, exists: (path: string) => boolean): string[] {
  return [...pages].flatMap(([page, text]) =>
    linksOf(text).flatMap((link) => {
      const [file = "", heading] = link.split("#");
      const target = file === "" ? page : normalize(`${dirname(page)}/${file}`);
      if (!exists(target)) return [`${page}: there is no ${target}`];
      const there = pages.get(target);
      if (heading === undefined || there === undefined) return [];
      return headingsOf(there).includes(heading)
        ? []
        : [`${page}: ${target} has no heading #${heading}`];
    })
  );
}

function linksOf(text: string): string[] {
  return [...withoutCode(text).matchAll(/\[[^\]]*\]\(([^)\s]+)\)/g)]
    .map(([, target = ""]) => target)
    .filter((target) => !/^[a-z]+:/.test(target));
}

function withoutCode(text: string): string {
  return text.replace(/^```[^]*?^```/gm, "").replace(/`[^`\n]*`/g, "");
}

/** Anchors of headings: lower case, words joined by dashes. */
function headingsOf(text: string): string[] {
  return [...text.replace(/^```[^]*?^```/gm, "").matchAll(/^#+ (.+)$/gm)].map(([, title = ""]) =>
    title.toLowerCase().replace(/[^\p{L}\p{N}\s-]/gu, "").trim().replace(/\s/g, "-")
  );
}

/** `deno task NAME` of tasks that do not exist. */
export function unknownTasks(pages: Pages, tasks: readonly string[]): string[] {
  return [...pages].flatMap(([page, text]) =>
    [...text.matchAll(/deno(?:@[\d.]+)? task (?:-q )?([a-z][\w:-]*)/g)]
      .flatMap(([, name = ""]) =>
        tasks.includes(name) ? [] : [`${page}: there is no task "${name}"`]
      )
  );
}

/** Command lines of llorch, in shell blocks, with commands or options that do not exist. */
export function unknownCommands(pages: Pages, root: Group): string[] {
  return [...pages].flatMap(([page, text]) =>
    shellLines(text).flatMap((line) => {
      const command = line.replace(/(?:^|\s)#.*$/, "");
      const words = /(?:^|\s)(?:deno task )?llorch ((?:[^\s|;&)#]+[^\S\n]*)+)/.exec(command)?.[1];
      const problem = words && problemOf(words.trim().split(/\s+/), root);
      return problem ? [`${page}: \`llorch ${words.trim()}\`: ${problem}`] : [];
    })
  );
}

/** Lines of shell blocks; lines that end in a backslash are joined. */
export function shellLines(text: string): string[] {
  return [...text.matchAll(/^```sh\n([^]*?)^```/gm)]
    .flatMap(([, block = ""]) => block.replace(/\\\n\s*/g, "").split("\n"));
}

function problemOf(words: readonly string[], root: Group): string | undefined {
  let at: Group | Command = root;
  for (const word of words) {
    // The rest belongs to another program.
    if (word === "--") return undefined;
    if (/^-./.test(word)) {
      const problem = optionProblem(word, at, root);
      if (problem !== undefined) return problem;
    } else if (at.kind === "group") {
      const next: Group | Command | undefined = at.members.find(({ name }) => name === word);
      // A value of an option before the command, or a placeholder.
      if (next === undefined && /^[A-Z…$'"<]/.test(word)) continue;
      if (next === undefined) return `there is no "${word}"`;
      at = next;
    }
  }
  return undefined;
}

function optionProblem(word: string, at: Group | Command, root: Group): string | undefined {
  const name = word.split("=")[0]!;
  const own = at.kind === "command" ? at.options : at === root ? PROGRAM_OPTIONS : [];
  const names = [...own, ...COMMON_OPTIONS].flatMap(({ flags }) => flags.match(/--?[\w-]+/g) ?? []);
  // `--no-color` and the like are in the flags as they are.
  return names.includes(name) ? undefined : `there is no option ${name}`;
}
