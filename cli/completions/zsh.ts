import { quoteWord } from "../remote/quote.ts";
import type { Facts, Word } from "./facts.ts";

/** The completion script of zsh: for a file `_llorch` in `fpath`, or to be sourced. */
export function zshScript(facts: readonly Facts[]): string {
  return `#compdef llorch
# zsh completion of llorch; made by: llorch completions zsh

_llorch_facts() {
  members=() options=() valued=() args=() variadic=
  case $1 in
${facts.map(branch).join("\n")}
    *) return 1 ;;
  esac
}

# Offers the values of a spec; names are data, never evaluated.
_llorch_offer() {
  case $1 in
    '') ;;
    @files) _files ;;
    @*) compadd -- "\${(@f)$("\${(Q)words[1]}" completions --values "\${1#@}" 2>/dev/null </dev/null)}" ;;
    *) compadd -- "\${(@s:|:)1}" ;;
  esac
}

# Sets spec to the spec of an option's value; fails for an option that takes none.
_llorch_spec() {
  local each
  for each in $valued; do
    [[ $each == "$1="* ]] && spec=\${each#*=} && return
  done
  return 1
}

_llorch() {
  local here= word ended expects spec variadic
  local -i position=0 i
  local -a members options valued args
  _llorch_facts ''
  for ((i = 2; i < CURRENT; i++)); do
    word=\${(Q)words[i]}
    if [[ -n $expects ]]; then
      expects=
    elif [[ -n $ended || $word != -* ]]; then
      if ((position == 0)) && _llorch_facts "$here $word"; then
        here="$here $word"
      else
        _llorch_facts "$here"
        ((position += 1))
      fi
    elif [[ $word == -- ]]; then
      ended=1
    elif _llorch_spec "$word"; then
      expects=1
    fi
  done
  if [[ -n $expects ]]; then
    _llorch_offer "$spec"
  elif [[ -z $ended && $PREFIX == --*=* ]] && _llorch_spec "\${PREFIX%%=*}"; then
    compset -P '*='
    _llorch_offer "$spec"
  elif [[ -z $ended && $PREFIX == -* ]]; then
    _describe -o option options
  else
    ((\${#members})) && _describe command members
    if [[ -n $variadic ]] && ((position >= \${#args})); then position=$((\${#args} - 1)); fi
    _llorch_offer "\${args[position + 1]-}"
  fi
}

if [[ \${funcstack[1]} == _llorch ]]; then _llorch "$@"; else compdef _llorch llorch; fi
`;
}

function branch({ path, members, options, valued, args, isVariadic }: Facts): string {
  const list = (words: readonly string[]) => `(${words.map(quoteWord).join(" ")})`;
  const facts = [
    `members=${list(members.map(described))}`,
    `options=${list(options.map(described))}`,
    `valued=${list(valued)}`,
    `args=${list(args)}`,
    ...(isVariadic ? ["variadic=1"] : []),
  ];
  const key = path.map((name) => ` ${name}`).join("");
  return `    ${quoteWord(key)})\n      ${facts.join("\n      ")}\n      ;;`;
}

function described({ word, summary }: Word): string {
  return `${word.replaceAll(":", "\\:")}:${summary}`;
}
