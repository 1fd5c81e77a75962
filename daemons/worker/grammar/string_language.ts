import { namesIn } from "./alternative.ts";
import type { Place } from "./detail.ts";
import { bothOf, type Dfa, lengthsOf, othersThan, textsOf } from "./dfa.ts";
import { formatPattern } from "./formats.ts";
import { TooMuchWork } from "./nfa.ts";
import { listedValues, type Schema } from "./schema.ts";
import type { Alternative } from "./schema_reader.ts";
import { formatLanguage, patternLanguage, withinBounds } from "./text_language.ts";
import type { ValueContext } from "./value_context.ts";

/** The texts of an alternative; undefined if lengths alone restrict them, or nothing does. */
export function languageOf(
  alternative: Alternative,
  { unheld, repeats, work }: Pick<ValueContext, "unheld" | "repeats" | "work">,
): Dfa | undefined {
  let all: Dfa | undefined;
  const and = (place: Place, make: () => Dfa | undefined) => {
    const both = withinBounds(() => {
      const part = make();
      if (!part) throw new TooMuchWork();
      return all ? bothOf(all, part, work) : part;
    });
    if (both) all = both;
    else unheld.add(place);
  };
  for (const node of alternative) {
    const { schema, at, excludes } = node;
    const { pattern, format } = schema;
    if (typeof pattern === "string") {
      and(`${at}.pattern`, () => patternLanguage(pattern, work));
    }
    if (formatPattern(format) !== undefined) {
      and(`${at}.format`, () => formatLanguage(format, work));
    }
    if (!excludes) continue;
    const not = schema["not"] as Schema;
    if (typeof not["pattern"] === "string") {
      const excluded = not["pattern"];
      and(`${at}.not`, () => {
        const dfa = patternLanguage(excluded, work);
        return dfa && othersThan(dfa, work);
      });
    }
    const texts = namesIn(not["enum"]);
    if (texts.length > 0) {
      and(`${at}.not`, () => othersThan(textsOf(texts, work), work));
    }
  }
  const listed = alternative.flatMap(({ schema }) =>
    listedValues(schema) ? [listedValues(schema)!] : []
  );
  for (const values of listed) {
    and(alternative[0]!.at, () => textsOf(namesIn(values), work));
  }
  if (!all) return undefined;
  const min = repeats.most(alternative, "minLength") ?? 0;
  const max = repeats.least(alternative, "maxLength") ?? Infinity;
  if (min === 0 && max === Infinity) return all;
  const held = all;
  const both = withinBounds(() => bothOf(held, lengthsOf(min, max, work), work));
  if (!both) unheld.leave(alternative, "minLength", "maxLength");
  return both ?? all;
}
