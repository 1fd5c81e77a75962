import { Store, useStore } from "../store.ts";
import { Name } from "./name.tsx";

/** A message that is shown for a while. */
interface Notice {
  readonly id: number;
  readonly text: string;
  readonly isError: boolean;
}

/** How long a notice stays, in ms. */
const SHOWN_MS = 8_000;

const notices = new Store<readonly Notice[]>([]);
let count = 0;

/** Shows a notice. */
export function notify(text: string, isError = false): void {
  const id = ++count;
  notices.set([...notices.value.slice(-3), { id, text, isError }]);
  setTimeout(() => dismiss(id), SHOWN_MS);
}

/**
 * Does something that may fail, and shows a notice with `done` or the error.
 *
 * @returns whether it succeeded
 */
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
  notices.set(notices.value.filter((each) => each.id !== id));
}

/** The notices; screen readers announce them. */
export function Notices() {
  const shown = useStore(notices, (notices) => notices);
  return (
    <div class="notices" role="status" aria-live="polite">
      {shown.map(({ id, text, isError }) => (
        <div key={id} class={isError ? "notice bad" : "notice"}>
          <span>
            <Name>{text}</Name>
          </span>
          <button type="button" class="quiet" aria-label="Dismiss" onClick={() => dismiss(id)}>
            ×
          </button>
        </div>
      ))}
    </div>
  );
}
