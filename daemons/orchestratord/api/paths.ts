/** Paths under which other servers have a route of ours. */
const ALIASES: Readonly<Record<string, string>> = {
  "/models": "/v1/models",
  "/chat/completions": "/v1/chat/completions",
  "/completions": "/v1/completions",
  "/embeddings": "/v1/embeddings",
  "/responses": "/v1/responses",
  "/rerank": "/v1/rerank",
  "/reranking": "/v1/rerank",
  "/v1/reranking": "/v1/rerank",
  "/v2/rerank": "/v1/rerank",
  "/v1/health": "/health",
};

/** Routes of which each is also there without `/v1`. */
const UNVERSIONED = /^\/(?:batches|files)(?=\/|$)/;

/** Other vendors' routes; in the name of a model, slashes stay as they are. */
const THEIRS = /^\/+(?:v1|api)(?:\/|$)/;
const NAMED = /^(\/v1\/models\/)(.+)$/;

/**
 * The path of the route that a client means: without `/v1`, with it twice, with doubled slashes or one
 * at the end. Only for the APIs of other vendors: a proxy may rely on the exact paths of our own.
 */
export function meantPath(path: string): string {
  const [, list, model] = NAMED.exec(path) ?? [];
  if (list && model && !/^\/*$/.test(model)) return path;
  const short = path.replace(/\/{2,}/g, "/").replace(/(?<=.)\/$/, "");
  const once = short.replace(/^(?:\/v1){2,}(?=\/|$)/, "/v1");
  const alias = Object.hasOwn(ALIASES, once) ? ALIASES[once] : undefined;
  if (UNVERSIONED.test(once)) return `/v1${once}`;
  return alias ?? (THEIRS.test(path) ? once : path);
}
