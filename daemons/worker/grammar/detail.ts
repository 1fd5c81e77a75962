/** A keyword's place in a request, as `json_schema.properties.a.pattern`. */
export type Place = string;

/**
 * How much of a schema a grammar holds: all that it can; types, names and short counts; or only the
 * type of the whole.
 */
export type Detail = "all" | "shape" | "type";

/** All of them, most first. */
export const DETAILS: readonly Detail[] = ["all", "shape", "type"];
