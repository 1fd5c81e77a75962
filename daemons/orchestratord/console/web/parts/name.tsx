import { oneLine } from "#shared/printable.ts";

/** A name, or text with names, of unknown origin: it cannot change the direction of the text around it. */
export function Name({ children }: { children: string }) {
  return <bdi>{oneLine(children)}</bdi>;
}

/** The message of an activity, with the model's name isolated from the text around it. */
export function ActivityMessage({ text, model }: { text: string; model?: string | undefined }) {
  const at = model === undefined ? -1 : text.indexOf(` ${model} `);
  if (model === undefined || at < 0) return <Name>{text}</Name>;
  return (
    <bdi>
      {oneLine(text.slice(0, at + 1))}
      <Name>{model}</Name>
      {oneLine(text.slice(at + 1 + model.length))}
    </bdi>
  );
}
