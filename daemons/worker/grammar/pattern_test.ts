import assert from "node:assert/strict";
import fc from "fast-check";
import { bothOf, type Dfa, dfaOf, lengthsOf, othersThan, takes, textsOf } from "./dfa.ts";
import { formatPattern } from "./formats.ts";
import { Nfa, TooMuchWork, Work } from "./nfa.ts";
import { BrokenPattern, readPattern, UnsupportedPattern } from "./pattern.ts";
import { patternLanguage } from "./text_language.ts";

const work = () => new Work(1_000_000);

/** Whether a pattern occurs in a text, by automata without and with determinism. */
function matches(source: string, text: string): readonly [boolean, boolean] {
  const conditions = readPattern(source).map(({ pattern, isNegated }) => {
    const nfa = new Nfa(pattern, work());
    return { nfa, dfa: dfaOf(nfa, work()), isNegated };
  });
  return [
    conditions.every(({ nfa, isNegated }) => nfa.matches(text, work()) !== isNegated),
    conditions.every(({ dfa, isNegated }) => takes(dfa, text) !== isNegated),
  ];
}

/** A regular expression of the supported kind. */
const { source } = fc.letrec<{ source: string; atom: string }>((tie) => ({
  atom: fc.oneof(
    { maxDepth: 3 },
    fc.constantFrom(
      "a",
      "b",
      ".",
      "\\d",
      "\\w",
      "[ab]",
      "[^a]",
      "[^]",
      "é",
      "\\u{1f98a}",
      "\\n",
      "-",
    ),
    fc.constantFrom("^", "$"),
    tie("source").map((inner) => `(?:${inner})`),
  ),
  source: fc.oneof(
    { maxDepth: 3 },
    tie("atom"),
    fc.tuple(tie("atom"), fc.constantFrom("", "", "?", "*", "+", "{2}", "{1,3}", "{0,}", "*?"))
      .map(([atom, times]) => atom === "^" || atom === "$" ? atom : atom + times),
    fc.array(tie("source"), { minLength: 1, maxLength: 3 }).map((parts) =>
      parts.map((part) => part.includes("|") ? `(${part})` : part).join("")
    ),
    fc.array(tie("source"), { minLength: 2, maxLength: 3 }).map((choices) => choices.join("|")),
  ),
}));
const text = fc.string({
  unit: fc.constantFrom("a", "b", "1", "é", "🦊", "\n", "-"),
  maxLength: 6,
});

Deno.test("a pattern occurs in a text by both automata exactly if it does by the language's own", () => {
  fc.assert(
    fc.property(source, fc.array(text, { maxLength: 8 }), (source, texts) => {
      const own = new RegExp(source, "u");
      for (const each of ["", ...texts]) {
        const is = own.test(each);
        assert.deepEqual(matches(source, each), [is, is], `${source} on ${JSON.stringify(each)}`);
      }
    }),
    { numRuns: 500 },
  );
});

Deno.test("lookaheads at the beginning are conditions on the text", () => {
  const password = "^(?=.*[A-Z])(?!.*x)(?=.{3})[^ ]*$";
  for (const text of ["Abc", "abC", "Abx", "abc", "AB", "A bc", ""]) {
    const is = new RegExp(password, "u").test(text);
    assert.deepEqual(matches(password, text), [is, is], text);
  }
});

Deno.test("escapes stand for what they stand for in ECMA-262", () => {
  for (
    const [pattern, yes, no] of [
      ["^\\x41\\u0042\\u{43}\\ud83e\\udd8a$", "ABC🦊", "ABC"],
      ["^[\\b\\-\\]\\s]+$", "\b-] \u00a0", "b"],
      ["^\\cJ\\0\\.\\/$", "\n\0./", "J0./"],
      ["^(?<year>\\d{4})$", "2024", "24"],
      ["^a{,2}{$", "a{,2}{", "aa"],
    ] as const
  ) {
    assert.deepEqual([matches(pattern, yes), matches(pattern, no)], [[true, true], [false, false]]);
  }
});

Deno.test("what no automaton matches is told apart from what is no pattern", () => {
  for (const each of ["(a)\\1", "\\ba", "(?<=a)b", "a(?=b)", "\\p{L}", "(?i)a", "^(?=a)+b"]) {
    assert.throws(() => readPattern(each), UnsupportedPattern, each);
  }
  for (const each of ["(a", "a)", "*a", "[a", "a\\", "[b-a]", "a{2,1}", "a**"]) {
    assert.throws(() => readPattern(each), BrokenPattern, each);
  }
});

Deno.test("a pattern that would backtrack without end is matched in linear time", () => {
  const [{ pattern } = assert.fail()] = readPattern("^(a|aa)*(a*)*b$");
  const nfa = new Nfa(pattern, work());
  const steps = (length: number) => {
    const spent = new Work(10_000_000);
    assert.equal(nfa.matches("a".repeat(length), spent), false);
    return 10_000_000 - spent.left;
  };
  assert.ok(steps(20_000) < 2.5 * steps(10_000));
});

Deno.test("a pattern of too many states is given up", () => {
  assert.equal(patternLanguage("(a|b)*a(a|b){20}$", work()), undefined);
  assert.equal(patternLanguage("^([a-z]{1,1000}){1,1000}$", work()), undefined);
  const [{ pattern } = assert.fail()] = readPattern("^((a{99}){99}){99}$");
  assert.throws(() => new Nfa(pattern, work()), TooMuchWork);
});

Deno.test("automata are combined as the sets of texts that they are", () => {
  const of = (source: string) => patternLanguage(source, work())!;
  const all = (dfa: Dfa, texts: readonly string[]) => texts.filter((text) => takes(dfa, text));
  const texts = ["", "a", "b", "ab", "abc", "🦊", "ba"];
  assert.deepEqual(all(bothOf(of("a"), of("b"), work()), texts), ["ab", "abc", "ba"]);
  assert.deepEqual(all(othersThan(of("a"), work()), texts), ["", "b", "🦊"]);
  assert.deepEqual(all(textsOf(["ab", "a", ""], work()), texts), ["", "a", "ab"]);
  assert.deepEqual(all(lengthsOf(1, 2, work()), texts), ["a", "b", "ab", "🦊", "ba"]);
  assert.deepEqual(bothOf(of("^a$"), of("^b$"), work()), []);
  assert.deepEqual(othersThan(of(""), work()), []);
});

Deno.test("formats take what they are for", () => {
  const taken: Readonly<Record<string, readonly [yes: readonly string[], no: readonly string[]]>> =
    {
      "date": [["2024-02-29"], ["2024-2-1", "2024-00-01"]],
      "time": [["23:59:59Z", "00:00:00.5+01:00"], ["24:00:00Z", "12:00:00"]],
      "date-time": [["2024-02-29T00:00:00-12:00"], ["2024-02-29"]],
      "duration": [["P1Y2M3DT4H5M6S", "PT1S", "P3W"], ["P", "P1YT", "1D"]],
      "uuid": [["123E4567-e89b-12d3-a456-426614174000"], ["123e4567"]],
      "uuid4": [["123e4567-e89b-12d3-a456-426614174000"], ["x"]],
      "email": [["a.b+c@example.org"], ["a@", "@b", "a..b@c", "a b@c"]],
      "hostname": [["a-1.example"], ["-a", "a.", "a_b"]],
      "ipv4": [["0.0.0.0", "255.255.255.255"], ["256.0.0.1", "01.0.0.1", "1.2.3"]],
      "ipv6": [
        ["::", "1::", "1:2:3:4:5:6:7:8", "1::8", "::ffff:1.2.3.4", "fe80::1:2"],
        ["1:2:3", "1::2::3", ":1", "12345::"],
      ],
      "uri": [["https://a.b/c?d=e#f", "mailto:a@b"], ["//a", "a b:c", "a"]],
      "uri-reference": [["/a?b#c", "", "a"], ["a b", "%zz"]],
      "json-pointer": [["", "/a~1b/0"], ["a", "/~2"]],
    };
  for (const [format, [yes, no]] of Object.entries(taken)) {
    const dfa = patternLanguage(formatPattern(format)!, work())!;
    for (const each of yes) assert.ok(takes(dfa, each), `${format} should take ${each}`);
    for (const each of no) assert.ok(!takes(dfa, each), `${format} should refuse ${each}`);
  }
});
