import type { Making } from "#shared/in_turns.ts";
import { TemplateError } from "#shared/jinja/errors.ts";
import type { Budget } from "./budget.ts";
import { equals } from "./operators.ts";
import {
  Callable,
  type Calling,
  iterate,
  orElse,
  PyObject,
  Undefined,
  type Value,
} from "./values.ts";

/** Steps of one iteration, which has variables of its own. */
const ITERATION = 4;

/** The variable `loop` of a `for` block. */
export class Loop extends PyObject {
  readonly type = "LoopContext";
  /** What a recursive loop does when it is called with other items. */
  readonly calling: Calling;
  readonly #items: readonly Value[];
  readonly #budget: Budget;
  readonly #depth: number;
  #index = -1;
  #changed: readonly Value[] | undefined;

  constructor(
    items: Value,
    budget: Budget,
    depth: number,
    again: ((items: Value) => Making<Value>) | undefined,
  ) {
    super();
    // A list is not copied, so that items that the loop adds to it are visited, too.
    this.#items = Array.isArray(items) ? items : [...iterate(items, budget)];
    this.#budget = budget;
    this.#depth = depth;
    this.calling = ([items]) => {
      if (!again || items === undefined) {
        throw new TemplateError(
          "The loop must have the 'recursive' marker to be called recursively.",
        );
      }
      return again(items);
    };
  }

  /** Number of items so far. */
  get count(): number {
    return this.#index + 1;
  }

  /** Goes to the next item; undefined after the last. */
  next(): Value | undefined {
    if (this.#index + 1 >= this.#items.length) return undefined;
    this.#budget.step(ITERATION);
    return this.#items[++this.#index]!;
  }

  override attribute(name: string): Value | undefined {
    const { length } = this.#items;
    const index = this.#index;
    switch (name) {
      case "index":
        return BigInt(index + 1);
      case "index0":
        return BigInt(index);
      case "revindex":
        return BigInt(length - index);
      case "revindex0":
        return BigInt(length - index - 1);
      case "first":
        return index === 0;
      case "last":
        return index === length - 1;
      case "length":
        return BigInt(length);
      case "depth":
        return BigInt(this.#depth + 1);
      case "depth0":
        return BigInt(this.#depth);
      case "previtem":
        return orElse(
          this.#items[index - 1],
          () => new Undefined("there is no previous item"),
        );
      case "nextitem":
        return orElse(this.#items[index + 1], () => new Undefined("there is no next item"));
      case "cycle":
        return new Callable((args) => {
          if (args.length === 0) throw new TemplateError("no items for cycling given");
          return args[index % args.length]!;
        });
      case "changed":
        return new Callable((args) => this.#isChanged(args));
    }
    return undefined;
  }

  #isChanged(values: readonly Value[]): boolean {
    const before = this.#changed;
    this.#changed = values;
    return before?.length !== values.length ||
      !values.every((value, index) => equals(value, before[index]!, this.#budget));
  }
}
