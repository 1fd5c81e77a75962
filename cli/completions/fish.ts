import type { Facts, Word } from "./facts.ts";

/** The completion script of fish. */
export function fishScript(facts: readonly Facts[]): string {
  return `# fish completion of llorch; made by: llorch completions fish

function __llorch_facts
    set -g __llorch_members
    set -g __llorch_options
    set -g __llorch_valued
    set -g __llorch_args
    set -g __llorch_variadic
    switch "$argv[1]"
${facts.map(branch).join("\n")}
        case '*'
            return 1
    end
end

# Offers the values of a spec; before is the --name= of an option in the same word.
function __llorch_offer --argument-names spec before
    switch "$spec"
        case ''
        case @files
            __fish_complete_path (string replace -- "$before" '' (commandline -ct))
        case '@*'
            set -l program (commandline -opc)[1]
            printf '%s\\n' "$before"($program completions --values (string sub -s 2 -- $spec) 2>/dev/null </dev/null)
        case '*'
            printf '%s\\n' "$before"(string split -- '|' $spec)
    end
end

# Prints the spec of an option's value; fails for an option that takes none.
function __llorch_spec
    for each in $__llorch_valued
        set -l parts (string split -m 1 -- = $each)
        if test "$parts[1]" = "$argv[1]"
            echo -- $parts[2]
            return
        end
    end
    return 1
end

function __llorch_complete
    set -l current (commandline -ct)
    set -l words (commandline -opc)
    set -l here ''
    set -l position 1
    set -l ended
    set -l expects
    set -l spec
    __llorch_facts ''
    for word in $words[2..-1]
        if set -q expects[1]
            set -e expects
            set -l expects
        else if set -q ended[1]; or not string match -q -- '-*' $word
            if test $position = 1; and __llorch_facts "$here $word"
                set here "$here $word"
            else
                __llorch_facts $here
                set position (math $position + 1)
            end
        else if test "$word" = --
            set ended 1
        else if set spec (__llorch_spec $word)
            set expects 1
        end
    end
    if set -q expects[1]
        __llorch_offer "$spec" ''
    else if not set -q ended[1]; and string match -q -- '--*=*' $current
        set -l name (string split -m 1 -- = $current)[1]
        __llorch_offer (__llorch_spec $name; or echo) "$name="
    else if not set -q ended[1]; and string match -q -- '-*' $current
        printf '%s\\n' $__llorch_options
    else
        printf '%s\\n' $__llorch_members
        if set -q __llorch_variadic[1]; and test $position -gt (count $__llorch_args)
            set position (count $__llorch_args)
        end
        __llorch_offer "$__llorch_args[$position]" ''
    end
end

complete -c llorch -e
complete -c llorch -f -a '(__llorch_complete)'
`;
}

function branch({ path, members, options, valued, args, isVariadic }: Facts): string {
  const set = (name: string, words: readonly string[]) =>
    `            set __llorch_${name} ${words.map(quoted).join(" ")}`.trimEnd();
  const key = path.map((name) => ` ${name}`).join("");
  return [
    `        case ${quoted(key)}`,
    set("members", members.map(described)),
    set("options", options.map(described)),
    set("valued", valued),
    set("args", args),
    ...(isVariadic ? [set("variadic", ["1"])] : []),
  ].join("\n");
}

function described({ word, summary }: Word): string {
  return `${word}\t${summary}`;
}

/** In fish the backslash has a meaning in single quotes, too. */
function quoted(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}
