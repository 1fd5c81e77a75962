import { quoteWord } from "../remote/quote.ts";
import type { Facts } from "./facts.ts";

/** The completion script of bash. */
export function bashScript(facts: readonly Facts[]): string {
  return `# bash completion of llorch; made by: llorch completions bash

_llorch_facts() {
  members=() options=() valued=() args=() variadic=
  case $1 in
${facts.map(branch).join("\n")}
    *) return 1 ;;
  esac
}

# Offers the values of a spec that begin with the typed word; names are data, never evaluated.
_llorch_offer() {
  local word
  case $1 in
    '') ;;
    @files)
      compopt -o default 2>/dev/null
      return
      ;;
    @*)
      while IFS= read -r word; do
        [[ $word == "$cur"* ]] && COMPREPLY+=("$(printf %q "$word")")
      done < <("\${COMP_WORDS[0]}" completions --values "\${1#@}" 2>/dev/null </dev/null)
      ;;
    *)
      while IFS= read -r -d '|' word; do
        [[ $word == "$cur"* ]] && COMPREPLY+=("$word")
      done <<<"$1|"
      ;;
  esac
}

# Sets spec to the spec of an option's value; fails for an option that takes none.
_llorch_spec() {
  local each
  for each in "\${valued[@]}"; do
    [[ $each == "$1="* ]] && spec=\${each#*=} && return
  done
  return 1
}

_llorch() {
  local cur=\${COMP_WORDS[COMP_CWORD]} path= position=0 ended= expects= i word spec
  local -a members options valued args
  local variadic
  COMPREPLY=()
  _llorch_facts ''
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    if [[ $expects ]]; then
      # Bash splits --option=value into three words.
      [[ $word == = ]] || expects=
    elif [[ $ended || $word != -* ]]; then
      if ((position == 0)) && _llorch_facts "$path $word"; then
        path="$path $word"
      else
        _llorch_facts "$path"
        position=$((position + 1))
      fi
    elif [[ $word == -- ]]; then
      ended=1
    elif _llorch_spec "$word"; then
      expects=1
    fi
  done
  [[ $cur == = ]] && cur=
  if [[ $expects ]]; then
    _llorch_offer "$spec"
  elif [[ ! $ended && $cur == -* ]]; then
    for word in "\${options[@]}"; do
      [[ $word == "$cur"* ]] && COMPREPLY+=("$word")
    done
  else
    for word in "\${members[@]}"; do
      [[ $word == "$cur"* ]] && COMPREPLY+=("$word")
    done
    if [[ $variadic ]] && ((position >= \${#args[@]})); then position=$((\${#args[@]} - 1)); fi
    _llorch_offer "\${args[position]-}"
  fi
}

complete -F _llorch llorch
`;
}

function branch({ path, members, options, valued, args, isVariadic }: Facts): string {
  const list = (words: readonly string[]) => `(${words.map(quoteWord).join(" ")})`;
  const facts = [
    `members=${list(members.map(({ word }) => word))}`,
    `options=${list(options.map(({ word }) => word))}`,
    `valued=${list(valued)}`,
    `args=${list(args)}`,
    ...(isVariadic ? ["variadic=1"] : []),
  ];
  const key = path.map((name) => ` ${name}`).join("");
  return `    ${quoteWord(key)})\n      ${facts.join("\n      ")}\n      ;;`;
}
