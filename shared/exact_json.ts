/**
 * A number in its own digits, which `JSON.stringify()` writes as they are: one that JavaScript would
 * write in another way, such as 12345678901234567890, 1.0 or 1e400.
 */
export interface ExactNumber {
  readonly rawJSON: string;
}

/** ECMAScript's "JSON.parse source text access", which TypeScript's library lacks. */
const { rawJSON, isRawJSON } = JSON as unknown as {
  rawJSON(text: string): ExactNumber;
  isRawJSON(value: unknown): value is ExactNumber;
};

/** Whether a value of {@linkcode parseExactJson} is a number in its own digits. */
export function isExactNumber(value: unknown): value is ExactNumber {
  return isRawJSON(value);
}

/** A number that is written in these digits. */
export function exactNumber(digits: string): ExactNumber {
  return rawJSON(digits);
}

/** Matches each text with a number that JavaScript would write in another way, and some others. */
const UNUSUAL_NUMBER = /\d[.eE]|\d{16}|-0/;

/**
 * `JSON.parse()` that keeps numbers as they are written: one that JavaScript would write in another
 * way becomes an {@linkcode ExactNumber}, all others stay numbers. Objects keep the order of their
 * keys, except that JavaScript puts keys such as "7" first.
 *
 * @param fields Names of the fields in whose objects and lists numbers are kept. Default: everywhere.
 * @throws {SyntaxError} if the text is not JSON
 */
export function parseExactJson(text: string, fields?: readonly string[]): unknown {
  const value: unknown = JSON.parse(text);
  const isMeant = fields?.some((name) => text.includes(`"${name}"`)) ?? true;
  if (!isMeant || !UNUSUAL_NUMBER.test(text)) return value;
  return readExact(text, fields && new Set(fields));
}

/** An object or a list that is being read. */
interface Open {
  readonly value: Record<string, unknown> | unknown[];
  /** Whether numbers in it are kept. */
  readonly isExact: boolean;
  /** In an object: the key whose value comes next; undefined while a key is next. */
  key: string | undefined;
}

const SEPARATORS = /[\s,:]*/y;
const LITERAL = /[^\s,\]}]+/y;

/**
 * Reads a text that is known to be JSON. A reviver of `JSON.parse()` sees the digits of numbers, too,
 * but takes 2 µs for each value: eight seconds for the longest body.
 */
function readExact(text: string, fields: ReadonlySet<string> | undefined): unknown {
  const opened: Open[] = [];
  let root: unknown;
  for (let at = skip(SEPARATORS, text, 0); at < text.length; at = skip(SEPARATORS, text, at)) {
    const top = opened.at(-1);
    const first = text[at]!;
    if (first === "}" || first === "]") {
      opened.pop();
      at++;
      continue;
    }
    let value: unknown;
    if (first === "{" || first === "[") {
      const isExact = top?.isExact || !fields || fields.has(top?.key ?? "");
      const open: Open = { value: first === "{" ? {} : [], isExact, key: undefined };
      opened.push(open);
      value = open.value;
      at++;
    } else {
      const end = first === '"' ? endOfString(text, at) : skip(LITERAL, text, at);
      value = scalar(text.slice(at, end), top?.isExact ?? !fields);
      at = end;
    }
    if (!top) root = value;
    else if (Array.isArray(top.value)) top.value.push(value);
    else if (top.key === undefined) top.key = value as string;
    else {
      setOwn(top.value, top.key, value);
      top.key = undefined;
    }
  }
  return root;
}

/** Where a pattern's match at an index ends. */
function skip(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at;
  pattern.test(text);
  return pattern.lastIndex;
}

/** The index behind the string that begins at an index. */
function endOfString(text: string, at: number): number {
  for (let end = text.indexOf('"', at + 1);; end = text.indexOf('"', end + 1)) {
    let slashes = 0;
    while (text[end - 1 - slashes] === "\\") slashes++;
    if (slashes % 2 === 0) return end + 1;
  }
}

/** A string, number, boolean or null. */
function scalar(text: string, isExact: boolean): unknown {
  const value: unknown = JSON.parse(text);
  const isKept = isExact && typeof value === "number" && String(value) !== text;
  return isKept ? exactNumber(text) : value;
}

/** As `JSON.parse()` does, to which `__proto__` is a key like any other. */
function setOwn(object: Record<string, unknown>, key: string, value: unknown): void {
  if (key !== "__proto__") object[key] = value;
  else {
    Object.defineProperty(object, key, {
      ...{ value, writable: true, enumerable: true, configurable: true },
    });
  }
}
