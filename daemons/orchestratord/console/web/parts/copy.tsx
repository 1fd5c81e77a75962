import { notify } from "./notices.tsx";

/** A text with a button that copies it. */
export function Code({ text, label }: { text: string; label: string }) {
  return (
    <div class="code">
      <pre dir="ltr" tabIndex={0} aria-label={label}>{text}</pre>
      <button type="button" onClick={() => copy(text)}>Copy</button>
    </div>
  );
}

/** A short command with a button that copies it. */
export function Command({ text }: { text: string }) {
  return (
    <span class="command">
      <code dir="ltr">{text}</code>{" "}
      <button type="button" aria-label={`Copy ${text}`} onClick={() => copy(text)}>Copy</button>
    </span>
  );
}

/** A page without TLS has no clipboard: then people can select the text by hand. */
async function copy(text: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    notify("Copied");
  } catch {
    notify("The browser does not allow this page to copy: select the text instead", true);
  }
}
