import type { Call, Expression, MacroNode, Statement, Target } from "./ast.ts";
import { TemplateError } from "./errors.ts";
import { CONSTANTS, ExpressionParser } from "./expressions.ts";
import { tokens } from "./lexer.ts";
import { TokenStream } from "./token_stream.ts";

/** Names that a macro has only if it reads them. */
const IMPLICIT: ReadonlySet<string> = new Set(["caller", "kwargs", "varargs"]);

/**
 * Parses a template with Jinja2's grammar.
 * @throws {TemplateError} with the line where it ends to be one
 */
export function parse(template: string): readonly Statement[] {
  return new Parser(new TokenStream(tokens(template))).template();
}

/** Parses the statements of a template. */
class Parser {
  readonly #tokens: TokenStream;
  readonly #expressions: ExpressionParser;
  /** What each macro that is being parsed reads of {@linkcode IMPLICIT}. */
  readonly #reads: Set<string>[] = [];

  constructor(tokens: TokenStream) {
    this.#tokens = tokens;
    this.#expressions = new ExpressionParser(tokens, (name) => {
      if (IMPLICIT.has(name)) { for (const reads of this.#reads) reads.add(name); }
    });
  }

  template(): readonly Statement[] {
    const body = this.#body([]);
    if (this.#tokens.current.type !== "end") this.#tokens.fail();
    return body;
  }

  /** Statements up to one of these tags, whose name is then the token. */
  #body(ends: readonly string[]): Statement[] {
    return this.#tokens.deeper(() => {
      const body: Statement[] = [];
      while (!this.#tokens.is("end")) {
        const { type, value } = this.#tokens.next();
        if (type === "data") body.push({ kind: "text", text: value });
        else if (type === "print begin") {
          body.push({ kind: "print", value: this.#expressions.tuple() });
          this.#tokens.expect("print end");
        } else {
          if (this.#tokens.is("name") && ends.includes(this.#tokens.current.value)) return body;
          body.push(...this.#statement());
          this.#tokens.expect("block end");
        }
      }
      if (ends.length > 0) this.#tokens.fail(ends.join(" or "));
      return body;
    });
  }

  /** The body of a block, whose end tag is read, too. */
  #block(end: string): Statement[] {
    this.#tokens.skip("operator", ":");
    this.#tokens.expect("block end");
    const body = this.#body([end]);
    this.#tokens.next();
    return body;
  }

  #statement(): Statement[] {
    const { value: tag } = this.#tokens.expect("name");
    switch (tag) {
      case "if":
        return [this.#if()];
      case "for":
        return [this.#for()];
      case "set":
        return [this.#set()];
      case "macro": {
        const name = this.#tokens.name();
        return [{ kind: "macro", macro: this.#macro(name, this.#parameters(), "endmacro") }];
      }
      case "call": {
        const parameters = this.#tokens.is("operator", "(") ? this.#parameters() : [];
        const call = this.#expressions.expression();
        if (call.kind !== "call") this.#tokens.fail("a call");
        return [{
          kind: "call block",
          call: call as Call,
          macro: this.#macro(undefined, parameters, "endcall"),
        }];
      }
      case "filter": {
        const filters = [this.#expressions.filterCall(), ...this.#expressions.filterCalls()];
        return [{ kind: "filter block", filters, body: this.#block("endfilter") }];
      }
      case "with":
        return [this.#with()];
      case "print":
        return this.#print();
      case "generation":
        return [{ kind: "scope", body: this.#block("endgeneration") }];
      case "autoescape":
        this.#expressions.expression();
        return [{ kind: "scope", body: this.#block("endautoescape") }];
      case "block": {
        const name = this.#tokens.name();
        this.#tokens.skip("name", "scoped");
        this.#tokens.skip("name", "required");
        const body = this.#block("endblock");
        this.#tokens.skip("name", name);
        return [{ kind: "scope", body }];
      }
      case "break":
      case "continue":
        return [{ kind: tag }];
      case "include":
      case "import":
      case "from":
      case "extends":
        while (!this.#tokens.is("block end") && !this.#tokens.is("end")) this.#tokens.next();
        return [{ kind: "unsupported", tag }];
    }
    throw new TemplateError(`Unknown tag ${tag} (line ${this.#tokens.current.line})`);
  }

  #if(): Statement {
    const branches = [];
    let otherwise: Statement[] = [];
    for (;;) {
      const test = this.#expressions.tuple({ choices: false });
      this.#tokens.skip("operator", ":");
      this.#tokens.expect("block end");
      branches.push({ test, body: this.#body(["elif", "else", "endif"]) });
      const { value } = this.#tokens.next();
      if (value === "elif") continue;
      if (value === "else") otherwise = this.#block("endif");
      return { kind: "if", branches, otherwise };
    }
  }

  #for(): Statement {
    const target = this.#target();
    this.#tokens.expect("name", "in");
    const items = this.#expressions.tuple({ choices: false, end: "recursive" });
    const test = this.#tokens.skip("name", "if") ? this.#expressions.expression() : undefined;
    const isRecursive = this.#tokens.skip("name", "recursive");
    this.#tokens.skip("operator", ":");
    this.#tokens.expect("block end");
    const body = this.#body(["endfor", "else"]);
    const otherwise = this.#tokens.next().value === "else" ? this.#block("endfor") : [];
    return { kind: "for", target, items, test, isRecursive, body, otherwise };
  }

  #set(): Statement {
    const target = this.#target(true);
    if (this.#tokens.skip("operator", "=")) {
      return { kind: "set", target, value: this.#expressions.tuple() };
    }
    const filters = this.#expressions.filterCalls();
    return { kind: "set block", target, filters, body: this.#block("endset") };
  }

  #with(): Statement {
    const pairs: [Target, Expression][] = [];
    while (!this.#tokens.is("block end")) {
      if (pairs.length > 0) this.#tokens.expect("operator", ",");
      const target = this.#target();
      this.#tokens.expect("operator", "=");
      pairs.push([target, this.#expressions.expression()]);
    }
    return { kind: "with", pairs, body: this.#block("endwith") };
  }

  #print(): Statement[] {
    const printed: Statement[] = [];
    while (!this.#tokens.is("block end")) {
      if (printed.length > 0) this.#tokens.expect("operator", ",");
      printed.push({ kind: "print", value: this.#expressions.expression() });
    }
    return printed;
  }

  #parameters(): MacroNode["parameters"] {
    const parameters: { name: string; fallback?: Expression }[] = [];
    this.#tokens.expect("operator", "(");
    while (!this.#tokens.is("operator", ")")) {
      if (parameters.length > 0) this.#tokens.expect("operator", ",");
      const name = this.#tokens.name();
      if (this.#tokens.skip("operator", "=")) {
        parameters.push({ name, fallback: this.#expressions.expression() });
      } else if (parameters.at(-1)?.fallback) this.#tokens.fail("a default value");
      else parameters.push({ name });
    }
    this.#tokens.next();
    return parameters;
  }

  #macro(name: string | undefined, parameters: MacroNode["parameters"], end: string): MacroNode {
    const reads = new Set<string>();
    this.#reads.push(reads);
    const body = this.#block(end);
    this.#reads.pop();
    for (const parameter of parameters) reads.delete(parameter.name);
    return { name, parameters, body, reads };
  }

  #target(members = false): Target {
    const items: Target[] = [];
    let isTuple = false;
    do {
      if (items.length > 0 && (this.#tokens.is("name", "in") || this.#tokens.is("block end"))) {
        break;
      }
      items.push(this.#oneTarget(members));
      isTuple ||= this.#tokens.is("operator", ",");
    } while (this.#tokens.skip("operator", ","));
    return isTuple ? { kind: "tuple", items } : items[0]!;
  }

  #oneTarget(members: boolean): Target {
    if (this.#tokens.skip("operator", "(")) {
      const target = this.#tokens.deeper(() => this.#target(members));
      this.#tokens.expect("operator", ")");
      return target;
    }
    const name = this.#tokens.name();
    if (CONSTANTS.has(name)) this.#tokens.fail("a name");
    if (!members || !this.#tokens.skip("operator", ".")) return { kind: "name", name };
    return { kind: "member", name, attribute: this.#tokens.name() };
  }
}
