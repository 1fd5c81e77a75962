import { closest } from "#shared/text.ts";
import type { Command, Group } from "./command.ts";

/**
 * Rewrites commander's message about a wrong command line into one sentence that says what to do.
 *
 * @param path The group or command in which the mistake is: `["dev"]`.
 */
export function mendMessage(text: string, root: Group, path: readonly string[]): string {
  const [said = "", suggestion = ""] = text.trim().replace(/^error: /, "").split("\n");
  const help = `; see llorch ${[...path, "--help"].join(" ")}`;
  const unknown = /^unknown command '(.*)'$/.exec(said)?.[1];
  const near = unknown === undefined
    ? /^\(Did you mean (.*)\?\)$/.exec(suggestion)?.[1]
    : nearestCommand(unknown, root, path);
  return `llorch: ${said}${near === undefined ? help : `; did you mean ${near}?`}\n`;
}

/** A member of the group with a similar name, otherwise a command anywhere with the exact name. */
function nearestCommand(typed: string, root: Group, path: readonly string[]): string | undefined {
  const group = path.reduce<Group | Command | undefined>(
    (at, name) => at?.kind === "group" ? at.members.find((each) => each.name === name) : at,
    root,
  );
  const names = group?.kind === "group" ? group.members.map(({ name }) => name) : [];
  const near = closest(typed, names);
  if (near !== undefined) return near;
  const elsewhere = commandPaths(root).find((words) => words.at(-1) === typed);
  return elsewhere && `llorch ${elsewhere.join(" ")}`;
}

function commandPaths(group: Group): string[][] {
  return group.members.flatMap((member) =>
    member.kind === "command"
      ? [[member.name]]
      : commandPaths(member).map((words) => [member.name, ...words])
  );
}
