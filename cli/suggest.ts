import { closest } from "#shared/text.ts";
import type { Command, Group } from "./command.ts";

/**
 * What commander says of a wrong command line, in our words: one sentence that says what to do.
 *
 * @param path Where in the tree the words were wrong: `["dev"]`.
 */
export function mendMessage(text: string, root: Group, path: readonly string[]): string {
  const [said = "", suggestion = ""] = text.trim().replace(/^error: /, "").split("\n");
  const help = `; llorch ${[...path, "--help"].join(" ")} says what there is`;
  const unknown = /^unknown command '(.*)'$/.exec(said)?.[1];
  const near = unknown === undefined
    ? /^\(Did you mean (.*)\?\)$/.exec(suggestion)?.[1]
    : nearestCommand(unknown, root, path);
  return `llorch: ${said}${near === undefined ? help : `; did you mean ${near}?`}\n`;
}

/** A member of the group with nearly that name, or else a command anywhere with exactly that one. */
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
