/** A value that a template writes out. */
export type Constant = null | boolean | bigint | number | string;

/** The arguments of a call, a filter or a test. */
export interface Arguments {
  readonly positional: readonly Expression[];
  readonly named: readonly (readonly [string, Expression])[];
  readonly list?: Expression | undefined;
  readonly dict?: Expression | undefined;
}

export interface FilterCall {
  readonly name: string;
  readonly args: Arguments;
}

export type ArithmeticOperator = "+" | "-" | "*" | "/" | "//" | "%" | "**";
export type Comparison = "==" | "!=" | "<" | "<=" | ">" | ">=" | "in" | "not in";

export interface Slice {
  readonly kind: "slice";
  readonly start: Expression | undefined;
  readonly stop: Expression | undefined;
  readonly step: Expression | undefined;
}

export interface Call {
  readonly kind: "call";
  readonly callee: Expression;
  readonly args: Arguments;
}

export type Expression =
  | { readonly kind: "constant"; readonly value: Constant }
  | { readonly kind: "name"; readonly name: string }
  | { readonly kind: "list" | "tuple"; readonly items: readonly Expression[] }
  | { readonly kind: "dict"; readonly pairs: readonly (readonly [Expression, Expression])[] }
  | { readonly kind: "attribute"; readonly object: Expression; readonly name: string }
  | { readonly kind: "item"; readonly object: Expression; readonly key: Expression | Slice }
  | Call
  | { readonly kind: "filter"; readonly value: Expression; readonly filter: FilterCall }
  | { readonly kind: "test"; readonly value: Expression; readonly test: FilterCall }
  | { readonly kind: "not" | "negative" | "positive"; readonly value: Expression }
  | { readonly kind: "and" | "or"; readonly left: Expression; readonly right: Expression }
  | {
    readonly kind: "arithmetic";
    readonly operator: ArithmeticOperator;
    readonly left: Expression;
    readonly right: Expression;
  }
  | { readonly kind: "concatenation"; readonly parts: readonly Expression[] }
  | {
    readonly kind: "comparison";
    readonly left: Expression;
    readonly rest: readonly { readonly operator: Comparison; readonly right: Expression }[];
  }
  | {
    readonly kind: "choice";
    readonly test: Expression;
    readonly then: Expression;
    readonly otherwise: Expression | undefined;
  };

export type Target =
  | { readonly kind: "name"; readonly name: string }
  | { readonly kind: "member"; readonly name: string; readonly attribute: string }
  | { readonly kind: "tuple"; readonly items: readonly Target[] };

export interface MacroNode {
  /** Undefined for the body of a call block. */
  readonly name: string | undefined;
  readonly parameters: readonly {
    readonly name: string;
    readonly fallback?: Expression | undefined;
  }[];
  readonly body: readonly Statement[];
  /** Which of `caller`, `kwargs` and `varargs` the body reads. */
  readonly reads: ReadonlySet<string>;
}

export interface ForNode {
  readonly kind: "for";
  readonly target: Target;
  readonly items: Expression;
  readonly test: Expression | undefined;
  readonly isRecursive: boolean;
  readonly body: readonly Statement[];
  readonly otherwise: readonly Statement[];
}

export type Statement =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "print"; readonly value: Expression }
  | {
    readonly kind: "if";
    readonly branches: readonly {
      readonly test: Expression;
      readonly body: readonly Statement[];
    }[];
    readonly otherwise: readonly Statement[];
  }
  | ForNode
  | { readonly kind: "set"; readonly target: Target; readonly value: Expression }
  | {
    readonly kind: "set block";
    readonly target: Target;
    readonly filters: readonly FilterCall[];
    readonly body: readonly Statement[];
  }
  | { readonly kind: "macro"; readonly macro: MacroNode }
  | { readonly kind: "call block"; readonly call: Call; readonly macro: MacroNode }
  | {
    readonly kind: "filter block";
    readonly filters: readonly FilterCall[];
    readonly body: readonly Statement[];
  }
  | {
    readonly kind: "with";
    readonly pairs: readonly (readonly [Target, Expression])[];
    readonly body: readonly Statement[];
  }
  | { readonly kind: "scope"; readonly body: readonly Statement[] }
  | { readonly kind: "break" | "continue" }
  | { readonly kind: "unsupported"; readonly tag: string };
