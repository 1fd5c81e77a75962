import type { Facts, Word } from "./facts.ts";

/** The completion script of PowerShell. */
export function powershellScript(facts: readonly Facts[]): string {
  return `# PowerShell completion of llorch; made by: llorch completions powershell

Register-ArgumentCompleter -Native -CommandName llorch -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)

    $facts = @{
${facts.map(entry).join("\n")}
    }
    $program = $commandAst.CommandElements[0].ToString()

    function Offer($spec, $before, $typed) {
        $names = if (-not $spec -or $spec -eq '@files') { @() }
        elseif ($spec.StartsWith('@')) { & $program completions --values $spec.Substring(1) 2>$null }
        else { $spec.Split('|') }
        foreach ($name in $names) {
            if ($name.StartsWith($typed)) {
                $text = "$before$name"
                if ($text -match '[^\\w@%+=:,./-]') { $text = "'" + $text.Replace("'", "''") + "'" }
                [System.Management.Automation.CompletionResult]::new($text, $name, 'ParameterValue', $name)
            }
        }
    }
    function Describe($words) {
        foreach ($each in $words) {
            $word, $summary = $each -split '\\|', 2
            if ($word.StartsWith($wordToComplete)) {
                [System.Management.Automation.CompletionResult]::new($word, $word, 'ParameterValue', $summary)
            }
        }
    }

    $here = ''
    $position = 0
    $ended = $false
    $expects = $null
    foreach ($element in ($commandAst.CommandElements | Select-Object -Skip 1)) {
        if ($element.Extent.EndOffset -ge $cursorPosition) { break }
        $word = if ($element.Value) { $element.Value } else { $element.ToString() }
        if ($null -ne $expects) { $expects = $null }
        elseif ($ended -or -not $word.StartsWith('-')) {
            if ($position -eq 0 -and $facts.ContainsKey("$here $word")) { $here = "$here $word" }
            else { $position++ }
        }
        elseif ($word -eq '--') { $ended = $true }
        elseif ($facts[$here].Valued.ContainsKey($word)) { $expects = $facts[$here].Valued[$word] }
    }
    $fact = $facts[$here]
    $joined = [regex]::Match($wordToComplete, '^(--[^=]+)=(.*)$')
    if ($null -ne $expects) { Offer $expects '' $wordToComplete }
    elseif (-not $ended -and $joined.Success) {
        Offer $fact.Valued[$joined.Groups[1].Value] ($joined.Groups[1].Value + '=') $joined.Groups[2].Value
    }
    elseif (-not $ended -and $wordToComplete.StartsWith('-')) { Describe $fact.Options }
    else {
        Describe $fact.Members
        if ($fact.Variadic -and $position -ge $fact.Arguments.Count) { $position = $fact.Arguments.Count - 1 }
        if ($position -lt $fact.Arguments.Count) { Offer $fact.Arguments[$position] '' $wordToComplete }
    }
}
`;
}

function entry({ path, members, options, valued, args, isVariadic }: Facts): string {
  const key = path.map((name) => ` ${name}`).join("");
  const pairs = valued.map((each) => {
    const at = each.indexOf("=");
    return `${quoted(each.slice(0, at))} = ${quoted(each.slice(at + 1))}`;
  });
  return [
    `        ${quoted(key)} = @{`,
    `            Members = @(${members.map(described).join(", ")})`,
    `            Options = @(${options.map(described).join(", ")})`,
    `            Valued = @{ ${pairs.join("; ")} }`,
    `            Arguments = @(${args.map(quoted).join(", ")})`,
    `            Variadic = $${isVariadic}`,
    `        }`,
  ].join("\n");
}

function described({ word, summary }: Word): string {
  return quoted(`${word}|${summary}`);
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
