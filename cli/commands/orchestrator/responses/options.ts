import { ORCHESTRATORD, urlOption } from "../../../daemons/kind.ts";
import { JSON_OPTION, type ValuesOf, wholeNumber } from "../../../options.ts";

/** Options of every command about responses. */
export const COMMON_OPTIONS = { url: urlOption(ORCHESTRATORD), json: JSON_OPTION };

/** Options of the command that lists responses. */
export const LIST_OPTIONS = {
  limit: wholeNumber("-n, --limit <count>", "At most this many responses (default 20)", {
    min: 1,
    max: 100_000,
  }),
  ...COMMON_OPTIONS,
};

/** Values of {@linkcode LIST_OPTIONS}. */
export type ListOptions = ValuesOf<typeof LIST_OPTIONS>;

/** Values of {@linkcode COMMON_OPTIONS}. */
export type CommonOptions = ValuesOf<typeof COMMON_OPTIONS>;
