import config from "../deno.json" with { type: "json" };

/** The version of every llorch executable; it stands in `deno.json` alone. */
export const VERSION: string = config.version;

/** The deno that llorch is made and tested with; `.ci/run` takes the same. */
export const DENO_VERSION = "2.9.6";
