import { useState } from "preact/hooks";
import { call, segment } from "../api.ts";
import { Confirm } from "./dialog.tsx";
import { attempt } from "./notices.tsx";

/** Cancels a job, after a confirmation. */
export function CancelButton({ id, onDone }: { id: string; onDone: () => void }) {
  const [isAsking, ask] = useState(false);
  const cancel = async () => {
    ask(false);
    await attempt(() => call("POST", `/v2/tasks/${segment(id)}/cancel`), `${id} is cancelled`);
    onDone();
  };
  return (
    <>
      <button type="button" aria-label={`Cancel ${id}`} onClick={() => ask(true)}>Cancel</button>
      {isAsking && (
        <Confirm
          title="Cancel this job?"
          text={`${id} ends now; what it has generated so far stays readable.`}
          action="Cancel the job"
          onYes={cancel}
          onNo={() => ask(false)}
        />
      )}
    </>
  );
}
