import { notify } from "./notices.tsx";

/** A text to copy. */
export function Code({ text, label }: { text: string; label: string }) {
  return (
    <div class="code">
      <pre dir="ltr" tabIndex={0} aria-label={label}>{text}</pre>
      <button type="button" onClick={() => copy(text)}>Copy</button>
    </div>
  );
}

/** Where there is no clipboard, on a page without TLS, the text can be selected by hand. */
async function copy(text: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    notify("Copied");
  } catch {
    notify("The browser does not let this page copy: select the text", true);
  }
}
