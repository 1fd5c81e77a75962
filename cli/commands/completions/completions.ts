import type { Command } from "../../command.ts";
import { SHELLS, VALUE_KINDS } from "../../completions/shells.ts";

/** `llorch completions` */
export const completions: Command = {
  kind: "command",
  name: "completions",
  summary: "Print the script that completes llorch's words in a shell",
  arguments: [{ name: "[shell]", summary: SHELLS.join(", "), values: SHELLS }],
  options: [{
    flags: "--values <kind>",
    summary: "The names that such a script asks for",
    values: VALUE_KINDS,
    isHidden: true,
  }],
  examples: [
    {
      line: "completions bash >~/.local/share/bash-completion/completions/llorch",
      summary: "Bash",
    },
    { line: 'completions zsh >"${fpath[1]}/_llorch"', summary: "Zsh" },
    { line: "completions fish >~/.config/fish/completions/llorch.fish", summary: "Fish" },
    { line: "completions powershell >>$PROFILE", summary: "PowerShell" },
  ],
  load: () => import("./completions_run.ts"),
};
