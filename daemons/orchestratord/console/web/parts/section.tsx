import type { ComponentChildren } from "preact";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";

/**
 * A part of a page. When that which has the focus goes away, as the row of a job that has ended, the focus
 * goes to the heading of the part, or to the page's when the whole part goes: a keyboard goes on from there.
 */
export function Section({ title, beside, children }: {
  title: string;
  /** What stands beside the heading. */
  beside?: ComponentChildren;
  children: ComponentChildren;
}) {
  const heading = useRef<HTMLHeadingElement>(null);
  const focused = useRef<Focused | undefined>(undefined);
  useLayoutEffect(() => {
    const last = focused.current;
    if (!last || last.element.isConnected) return;
    focused.current = undefined;
    moveFocus(heading.current, last);
  });
  // Until it has left, the page has not lost the focus yet.
  useEffect(() => () => {
    const last = focused.current;
    if (last) queueMicrotask(() => moveFocus(document.querySelector("h1"), last));
  }, []);
  return (
    <section
      onFocusIn={({ target }) => {
        if (!(target instanceof HTMLElement)) return;
        focused.current = { element: target, isVisible: target.matches(":focus-visible") };
      }}
      onFocusOut={({ target }) => {
        // An element that is being removed loses the focus as well, and is not in the page afterwards.
        queueMicrotask(() => {
          const isLeft = target instanceof HTMLElement && target.isConnected;
          if (isLeft && focused.current?.element === target) focused.current = undefined;
        });
      }}
    >
      <div class="head-line">
        <h2 ref={heading} tabIndex={-1}>{title}</h2>
        {beside}
      </div>
      {children}
    </section>
  );
}

interface Focused {
  readonly element: HTMLElement;
  /** Whether a person sees the focus, as with a keyboard: then the page follows it. */
  readonly isVisible: boolean;
}

/** Moves the focus unless something else has it. */
function moveFocus(to: HTMLElement | null, { isVisible }: Focused): void {
  const { activeElement } = document;
  if (activeElement !== null && activeElement !== document.body) return;
  to?.focus({ preventScroll: !isVisible });
}
