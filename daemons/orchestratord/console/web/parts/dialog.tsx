import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";
import { Name } from "./name.tsx";

/** A dialog in front of the page; Escape closes it. */
export function Dialog({ title, children, onClose }: {
  title: string;
  children: ComponentChildren;
  onClose: () => void;
}) {
  const element = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const opener = document.activeElement;
    element.current?.showModal();
    // Behind a dialog nothing takes the focus.
    return () => queueMicrotask(() => goBack(opener));
  }, []);
  return (
    <dialog ref={element} aria-labelledby={id} onClose={onClose}>
      <h2 id={id}>
        <Name>{title}</Name>
      </h2>
      {children}
    </dialog>
  );
}

/** Focuses what opened a dialog; the page's heading if that is gone, unless something else has the focus. */
function goBack(opener: Element | null): void {
  if (opener instanceof HTMLElement && opener.isConnected) return opener.focus();
  if (document.activeElement === document.body) document.querySelector("h1")?.focus();
}

/** Asks for a confirmation. */
export function Confirm({ title, text, action, onYes, onNo }: {
  title: string;
  text: string;
  /** Text of the button that confirms. */
  action: string;
  onYes: () => void;
  onNo: () => void;
}) {
  return (
    <Dialog title={title} onClose={onNo}>
      <p>{text}</p>
      <div class="actions">
        <button type="button" onClick={onNo}>Keep</button>
        <button type="button" class="danger" onClick={onYes}>{action}</button>
      </div>
    </Dialog>
  );
}
