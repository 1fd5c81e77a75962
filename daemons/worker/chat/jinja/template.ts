import type { Statement } from "#shared/jinja/ast.ts";
import { atOnce, type Making } from "#shared/in_turns.ts";
import { TemplateError } from "#shared/jinja/errors.ts";
import { parse } from "#shared/jinja/parser.ts";
import { Budget, DEFAULT_LIMITS, type Limits } from "./budget.ts";
import { Interpreter } from "./interpreter.ts";
import { bound, native } from "./machine.ts";
import { strftime } from "./strftime.ts";
import { str } from "./text.ts";
import {
  Callable,
  Dict,
  integer,
  iterate,
  Namespace,
  numeric,
  Range,
  text,
  type Value,
} from "./values.ts";

export interface TemplateOptions {
  readonly limits?: Partial<Limits>;
  /** Clock for `strftime_now`. */
  now(): Date;
}

/** A chat template: Jinja2 as transformers sets it up, bounded in work, output and depth. */
export class Template {
  readonly #body: readonly Statement[];
  readonly #limits: Limits;
  readonly #now: () => Date;

  /** @throws {TemplateError} if the text is not a template */
  constructor(source: string, { limits, now }: TemplateOptions) {
    this.#body = parse(source);
    this.#limits = { ...DEFAULT_LIMITS, ...limits };
    this.#now = now;
  }

  /** @throws {TemplateError} what the template raises, and when a limit is reached */
  render(variables: Iterable<readonly [string, Value]>): string {
    return atOnce(this.rendering(variables));
  }

  /** The same as {@linkcode render}, which can be interrupted. */
  *rendering(variables: Iterable<readonly [string, Value]>): Making<string> {
    const budget = new Budget(this.#limits);
    const globals = globalsWith(budget, this.#now);
    try {
      return yield* new Interpreter(budget, [...globals, ...variables]).rendering(this.#body);
    } catch (error) {
      // The depth is bounded, but not what each level takes of the stack.
      if (error instanceof RangeError) throw new TemplateError("The template nests too deeply");
      throw error;
    }
  }
}

/** Characters that a directive of `strftime` becomes, at most. */
const LONGEST_DATE = 32;

function wholeNumber(value: Value): bigint {
  const number = numeric(value);
  return typeof number === "bigint" ? number : BigInt(integer(value));
}

const RANGE = native<null>("start! stop step", () => null);

function globalsWith(budget: Budget, now: () => Date): Map<string, Value> {
  const dict = (entries: Value | undefined, named: Iterable<readonly [Value, Value]>) => {
    const pairs = entries instanceof Dict ? [...entries.entries()] : [];
    budget.step(4 * pairs.length);
    return new Dict([...pairs, ...named]);
  };
  return new Map<string, Value>([
    [
      "range",
      new Callable((args, named) => {
        const [first, second, step] = bound("range()", RANGE, args, named).map((bound) =>
          bound === undefined ? undefined : wholeNumber(bound)
        );
        return second === undefined
          ? new Range(0n, first!, 1n)
          : new Range(first!, second, step ?? 1n);
      }),
    ],
    [
      "namespace",
      new Callable(([entries], named) => {
        const namespace = new Namespace();
        for (const [key, value] of dict(entries, named).entries()) {
          namespace.members.set(text(key), value);
        }
        return namespace;
      }),
    ],
    [
      "dict",
      new Callable(([entries], named) => {
        if (entries === undefined || entries instanceof Dict) return dict(entries, named);
        const pairs = [...iterate(entries, budget)].map((pair) => {
          const [key, value] = iterate(pair, budget);
          if (key === undefined || value === undefined) {
            throw new TemplateError("dict() needs pairs");
          }
          return [key, value] as const;
        });
        return new Dict([...pairs, ...named]);
      }),
    ],
    [
      "raise_exception",
      new Callable(([message = ""]) => {
        throw new TemplateError(str(message, budget));
      }),
    ],
    [
      "strftime_now",
      new Callable(([given = null]) => {
        const format = text(given);
        budget.step(16);
        budget.write(format.length + LONGEST_DATE * (format.split("%").length - 1));
        return strftime(now(), format);
      }),
    ],
  ]);
}
