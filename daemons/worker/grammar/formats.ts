/** Formats of texts as regular expressions that hold for the whole text. */

const DATE = "[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])";
const TIME =
  "([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,9})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])";
const HEX = "[0-9a-fA-F]";
const BYTE = "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])";
const IPV4 = `${BYTE}(\\.${BYTE}){3}`;
const GROUP = `${HEX}{1,4}`;
const IPV6 = [
  `(${GROUP}:){7}${GROUP}`,
  `(${GROUP}:){6}${IPV4}`,
  ...[0, 1, 2, 3, 4, 5, 6].map((before) => {
    const first = before === 0 ? "" : `(${GROUP}:){${before - 1}}${GROUP}`;
    const left = 7 - before;
    const last = `((${GROUP}:){0,${left - 1}}${GROUP})?`;
    return `${first}::${last}`;
  }),
  `::([fF]{4}:)?${IPV4}`,
].join("|");
const LABEL = "[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?";
const HOSTNAME = `${LABEL}(\\.${LABEL})*`;
const ATOM = "[a-zA-Z0-9!#$%&'*+/=?^_`{|}~-]+";
const PERCENT = `%${HEX}{2}`;
const URI_CHAR = `([a-zA-Z0-9._~:/?@!$&'()*+,;=-]|${PERCENT})`;
const FRAGMENT = `(#${URI_CHAR}*)?`;

const EMAIL = `${ATOM}(\\.${ATOM})*@${HOSTNAME}`;
const URI = `[a-zA-Z][a-zA-Z0-9+.-]*:${URI_CHAR}+${FRAGMENT}`;
const DURATION_TIME = "T([0-9]+H([0-9]+M)?([0-9]+S)?|[0-9]+M([0-9]+S)?|[0-9]+S)";
const DURATION_DATE = "([0-9]+Y([0-9]+M)?([0-9]+D)?|[0-9]+M([0-9]+D)?|[0-9]+D)";

const sources: Readonly<Record<string, string>> = {
  "date": DATE,
  "time": TIME,
  "date-time": `${DATE}T${TIME}`,
  "duration": `P([0-9]+W|${DURATION_DATE}(${DURATION_TIME})?|${DURATION_TIME})`,
  "uuid": `${HEX}{8}-${HEX}{4}-${HEX}{4}-${HEX}{4}-${HEX}{12}`,
  "email": EMAIL,
  "hostname": HOSTNAME,
  "ipv4": IPV4,
  "ipv6": IPV6,
  "uri": URI,
  "uri-reference": `(${URI}|${URI_CHAR}*${FRAGMENT})`,
  "json-pointer": "(/([^~/]|~[01])*)*",
};

/**
 * The regular expression of a format; undefined for those that only annotate, as the standard
 * allows of any.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.match("2024-02-29", new RegExp(formatPattern("date")!));
 * assert.equal(formatPattern("color"), undefined);
 * ```
 */
export function formatPattern(format: unknown): string | undefined {
  const name = /^uuid[1-5]$/.test(String(format)) ? "uuid" : String(format);
  return Object.hasOwn(sources, name) ? `^(${sources[name]})$` : undefined;
}
