import config from "../deno.json" with { type: "json" };

/** The version of every llorch executable; it stands in `deno.json` alone. */
export const VERSION: string = config.version;
