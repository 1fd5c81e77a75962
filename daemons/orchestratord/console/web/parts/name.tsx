import { oneLine } from "#shared/printable.ts";

/** A name, or words with names in them, that somebody else chose: it turns nothing around it round. */
export function Name({ children }: { children: string }) {
  return <bdi>{oneLine(children)}</bdi>;
}

/** What was told, with the model's name in it apart from the words around it. */
export function Told({ message, model }: { message: string; model?: string | undefined }) {
  const at = model === undefined ? -1 : message.indexOf(` ${model} `);
  if (model === undefined || at < 0) return <Name>{message}</Name>;
  return (
    <bdi>
      {oneLine(message.slice(0, at + 1))}
      <Name>{model}</Name>
      {oneLine(message.slice(at + 1 + model.length))}
    </bdi>
  );
}
