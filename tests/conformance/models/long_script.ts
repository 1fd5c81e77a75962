import type { Call } from "./calls.ts";
import type { Family } from "./families.ts";

/** A thought and a call that take a while to say. */
const LONG_THOUGHT = Array.from({ length: 450 }, (_, index) => ` t${index}`);
const LONG_NAME = Array.from({ length: 450 }, (_, index) => ` n${index}`);

/** A long thought and a long call of a family that has both, as one script. */
export function longScript(family: Family): string[][] {
  const [before, after] = family.thought!;
  const call: Call = { name: "find_place", args: { name: "NAME", id: 1n } };
  const [start, end] = family.calls!([call]).split("NAME");
  const marks = [...family.control ?? [], ...family.userDefined ?? []];
  const cut = (text: string) => {
    const found = marks.filter((mark) => text.includes(mark))
      .sort((a, b) => text.indexOf(a) - text.indexOf(b));
    const pieces: string[] = [];
    let rest = text;
    for (const mark of found) {
      const at = rest.indexOf(mark);
      if (at > 0) pieces.push(rest.slice(0, at));
      pieces.push(mark);
      rest = rest.slice(at + mark.length);
    }
    return rest === "" ? pieces : [...pieces, rest];
  };
  return [[
    ...cut(before),
    ...LONG_THOUGHT,
    ...cut(after),
    ...cut(start!),
    ...LONG_NAME,
    ...cut(end!),
  ]];
}
