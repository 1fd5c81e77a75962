import type { Dfa } from "./dfa.ts";
import { dfaRules, type Writing } from "./dfa_rules.ts";

const MAX_RULES = 8_000;

/** A schema whose grammar would have more rules than one should. */
export class TooManyRules extends Error {
  override readonly name = "TooManyRules";
}

/** The rules of one schema. */
export class RuleBook {
  readonly rules: Record<string, string> = {};
  readonly #prefix: string;
  readonly #shared = new Map<string, string>();
  #count = 0;

  /** @param prefix Of the rules' names. */
  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  newName(): string {
    return `${this.#prefix}r${this.#count++}`;
  }

  /** @throws {TooManyRules} */
  add(name: string, expression: string): void {
    if (this.#count > MAX_RULES) throw new TooManyRules();
    this.rules[name] = expression;
  }

  /** A rule for an expression; the expression itself if that is as short as a name. */
  rule(expression: string): string {
    if (isShort(expression)) return expression;
    const name = this.newName();
    this.add(name, expression);
    return name;
  }

  /** A rule for an expression that many places may have, such as a range of integers. */
  shared(expression: string): string {
    if (isShort(expression)) return expression;
    const name = this.#shared.get(expression) ?? this.rule(expression);
    this.#shared.set(expression, name);
    return name;
  }

  /** An expression of the texts that an automaton accepts. */
  automaton(dfa: Dfa, writing: Writing): string {
    return dfaRules(dfa, writing, () => this.newName(), (name, rule) => this.add(name, rule));
  }
}

/** Whether an expression is a rule's name or reads nothing. */
export function isShort(expression: string): boolean {
  return expression.length <= 20 && /^([\w-]+|"")$/.test(expression);
}
