import { segment } from "../api.ts";
import { useIsOperator } from "../session.ts";

/** A worker's id, with a link to its page for those who may read its log. */
export function WorkerLink({ pool, id }: { pool: string; id: string }) {
  if (!useIsOperator()) return <>{id}</>;
  return <a href={`#/workers/${segment(pool)}/${segment(id)}`}>{id}</a>;
}
