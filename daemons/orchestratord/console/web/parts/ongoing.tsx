import type { QueueView } from "#shared/contracts/mod.ts";
import { useFetch } from "../hooks.ts";
import { Running } from "./running.tsx";
import { Waiting } from "./waiting.tsx";

/** The running and the waiting jobs, with calls of `/v1`; nothing if there are none. */
export function Ongoing({ version }: { version: unknown }) {
  const { value, refresh } = useFetch<QueueView>("/v2/queue", version);
  if (!value || value.jobs.length + value.running.length === 0) return null;
  return (
    <>
      <Running jobs={value.running} onChanged={refresh} />
      <Waiting queue={value} onChanged={refresh} />
      <h2>Stored jobs</h2>
    </>
  );
}
