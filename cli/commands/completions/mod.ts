import { command } from "../../command.ts";
import { SHELLS, VALUE_KINDS } from "../../completions/shells.ts";
import { text } from "../../options.ts";

/** `llorch completions` */
export const completions = command({
  name: "completions",
  summary: "Print the completion script for a shell",
  arguments: [{ name: "[shell]", summary: SHELLS.join(", "), values: SHELLS }],
  options: {
    values: text("--values <kind>", "Print names of this kind, for a completion script", {
      values: VALUE_KINDS,
      isHidden: true,
    }),
  },
  examples: [
    {
      line: "completions bash >~/.local/share/bash-completion/completions/llorch",
      summary: "Bash",
    },
    { line: 'completions zsh >"${fpath[1]}/_llorch"', summary: "Zsh" },
    { line: "completions fish >~/.config/fish/completions/llorch.fish", summary: "Fish" },
    { line: "completions powershell >>$PROFILE", summary: "PowerShell" },
  ],
  load: async () => (await import("./run.ts")).completions,
});
