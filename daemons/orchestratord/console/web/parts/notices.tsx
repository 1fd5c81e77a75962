import { useEffect, useState } from "preact/hooks";

/** Something to tell whoever looks, for a while. */
interface Notice {
  readonly id: number;
  readonly text: string;
  readonly isError: boolean;
}

/** How long a notice stays, in ms. */
const SHOWN_MS = 8_000;

let notices: readonly Notice[] = [];
let count = 0;
let changed = () => {};

/** Tells something. */
export function notify(text: string, isError = false): void {
  const id = ++count;
  notices = [...notices.slice(-3), { id, text, isError }];
  changed();
  setTimeout(() => dismiss(id), SHOWN_MS);
}

/** Does something that may fail, and tells how it went. */
export async function attempt(work: () => Promise<unknown>, done: string): Promise<boolean> {
  try {
    await work();
    notify(done);
    return true;
  } catch (error) {
    notify(error instanceof Error ? error.message : String(error), true);
    return false;
  }
}

function dismiss(id: number): void {
  notices = notices.filter((each) => each.id !== id);
  changed();
}

/** Shows what is to be told, and has screen readers say it. */
export function Notices() {
  const [shown, show] = useState(notices);
  useEffect(() => {
    changed = () => show(notices);
    return () => void (changed = () => {});
  }, []);
  return (
    <div class="notices" role="status" aria-live="polite">
      {shown.map(({ id, text, isError }) => (
        <div key={id} class={isError ? "notice bad" : "notice"}>
          <span>{text}</span>
          <button type="button" class="quiet" aria-label="Dismiss" onClick={() => dismiss(id)}>
            ×
          </button>
        </div>
      ))}
    </div>
  );
}
