import { z } from "zod";
import type { LlorchError } from "../errors.ts";

const ms = z.number().int().min(0);

/** The load of a model that is the reason for an error. */
export const loadingView = z.object({
  model: z.string(),
  elapsed_ms: ms,
  usual_ms: ms.optional()
    .meta({
      description: "Average of its last loads on this kind of device; absent: not measured",
    }),
}).meta({
  id: "Loading",
  description: "The model was loading; Retry-After is when it should be ready",
});

/** The load of a model that is the reason for an error. */
export type LoadingView = z.output<typeof loadingView>;

/** The field `loading` of an error's body, where a load is the reason for it. */
export function loadingOf({ details }: LlorchError): { readonly loading?: LoadingView } {
  const loading = details?.["loading"] as LoadingView | undefined;
  return loading ? { loading } : {};
}
