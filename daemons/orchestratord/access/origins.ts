/** Schemes of apps on this machine that show pages: such a program could call us without a browser as well. */
export const APP_ORIGINS: readonly string[] = ["app://", "tauri://", "vscode-webview://"];

/**
 * Whether a text may be an entry of `cors.origins`: `*`, `null`, an origin, or a scheme with `://`. The schemes
 * `http://` and `https://` alone would be every site, for which `*` is the word.
 */
export function isOriginEntry(entry: string): boolean {
  if (entry === "*" || entry === "null") return true;
  if (!/^[a-z][a-z0-9+.-]*:\/\/[^\sA-Z/?#@*,]*$/.test(entry)) return false;
  // Browsers leave out the port that is the scheme's own, for example.
  return !/^https?:/.test(entry) || URL.parse(entry)?.origin === entry;
}

/**
 * Whether an entry of `cors.origins` is this origin, or its scheme.
 *
 * @param origin The header `Origin`, as browsers send it.
 */
export function isListedOrigin(origin: string, entries: readonly string[]): boolean {
  return entries.some((entry) =>
    entry === "*" || entry === origin || entry.endsWith("://") && origin.startsWith(entry)
  );
}
