import type { Group } from "../command.ts";
import { bashScript } from "./bash.ts";
import { completionFacts } from "./facts.ts";
import { fishScript } from "./fish.ts";
import { powershellScript } from "./powershell.ts";
import type { Shell } from "./shells.ts";
import { zshScript } from "./zsh.ts";

const SCRIPTS = {
  bash: bashScript,
  zsh: zshScript,
  fish: fishScript,
  powershell: powershellScript,
} as const;

/** The completion script of a shell, from the tree of commands. */
export function completionScript(shell: Shell, root: Group): string {
  return SCRIPTS[shell](completionFacts(root));
}
