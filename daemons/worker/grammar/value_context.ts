import type { Making } from "./in_turns.ts";
import type { Work } from "./nfa.ts";
import type { Repeats } from "./repeats.ts";
import type { RuleBook } from "./rule_book.ts";
import type { SchemaCheck } from "./schema_check.ts";
import type { Node, SchemaReader } from "./schema_reader.ts";
import type { Unheld } from "./unheld.ts";

/** What the rules of one schema have in common, for the types of values. */
export interface ValueContext {
  readonly book: RuleBook;
  readonly unheld: Unheld;
  readonly repeats: Repeats;
  readonly reader: SchemaReader;
  readonly check: SchemaCheck;
  /** Steps that are left for automata. */
  readonly work: Work;
  /** An expression for any position of what satisfies all nodes; undefined if nothing does. */
  value(nodes: readonly Node[], depth: number): Making<string | undefined>;
}
