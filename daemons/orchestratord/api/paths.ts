/** Paths under which other servers have a route of ours. */
const ALIASES: Readonly<Record<string, string>> = {
  "/reranking": "/v1/rerank",
  "/v1/reranking": "/v1/rerank",
  "/v2/rerank": "/v1/rerank",
  "/v1/v2/rerank": "/v1/rerank",
  "/v1/health": "/health",
};

/** Routes of which each is also there without `/v1`. */
const UNVERSIONED =
  /^\/(?:batches|chat|completions|embeddings|files|messages|models|rerank|responses)(?=\/|$)/;

/** Other vendors' routes: those with a version or below a folder, and llama-server's own. */
const THEIRS = /^\/(?:v1|api)(?:\/|$)/;
const LLAMA_SERVERS =
  /^\/(?:infill|completion|tokenize|detokenize|apply-template|embedding|props)$/;

/** In the name of a model, slashes stay as they are. */
const NAMED = /^(?:\/v1)?\/models\/(.*[^/].*)$/;

/**
 * The path of the route that a client means: without `/v1`, with it twice, with doubled slashes or one
 * at the end. Only for the APIs of other vendors: a proxy may rely on the exact paths of our own.
 */
export function meantPath(path: string): string {
  const model = NAMED.exec(path)?.[1];
  if (model !== undefined) return `/v1/models/${model}`;
  const short = path.replace(/\/{2,}/g, "/").replace(/(?<=.)\/$/, "");
  const once = short.replace(/^(?:\/v1){2,}(?=\/|$)/, "/v1");
  const alias = Object.hasOwn(ALIASES, once) ? ALIASES[once] : undefined;
  if (UNVERSIONED.test(once)) return `/v1${once}`;
  return alias ?? (THEIRS.test(once) || LLAMA_SERVERS.test(once) ? once : path);
}
