import { seededRandom } from "../support/random.ts";

/** Small grammars of few characters, so that rules often refer to themselves and to each other. */
export function* randomGrammars(seed: number): Generator<string> {
  const random = seededRandom(seed);
  const below = (count: number) => Math.floor(random() * count);
  const pick = <T>(of: readonly T[]): T => of[below(of.length)]!;
  const repeat = () =>
    pick(["", "", "", "", "?", "*", "+", "{0,3}", "{2}", "{0,}", "{1,2}", "{0}"]);
  while (true) {
    const names = ["root", "a", "b", "c", "d"].slice(0, 1 + below(5));
    const item = (depth: number): string => {
      const kind = below(10);
      if (kind < 4) return pick(names);
      if (kind < 6 || depth > 2) return pick(['"x"', '"y"', "[ xy]", '""', '" "', ".", '"xy"']);
      if (kind < 8) return pick(['"x"', "[ \\t]", '"y"']);
      return `(${choices(depth + 1)})`;
    };
    const sequence = (depth: number): string =>
      Array.from({ length: below(4) }, () => {
        const one = item(depth);
        return one === '""' ? one : one + repeat();
      }).join(" ");
    const choices = (depth: number): string =>
      Array.from({ length: 1 + below(3) }, () => sequence(depth)).join(" | ");
    yield names.map((name) => `${name} ::= ${choices(0).trim() || '""'}`).join("\n");
  }
}
