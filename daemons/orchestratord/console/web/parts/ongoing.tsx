import type { QueueView } from "#shared/contracts/mod.ts";
import { useFetch } from "../hooks.ts";
import { Running } from "./running.tsx";
import { Waiting } from "./waiting.tsx";

/** What runs and what waits, calls of `/v1` too; nothing where there is neither. */
export function Ongoing({ version }: { version: unknown }) {
  const { value, refresh } = useFetch<QueueView>("/v2/queue", version);
  if (!value || value.jobs.length + value.running.length === 0) return null;
  return (
    <>
      <Running jobs={value.running} onChanged={refresh} />
      <Waiting queue={value} onChanged={refresh} />
      <h2>All that is kept</h2>
    </>
  );
}
