import { Name } from "./name.tsx";

/** Shown in place of a page that cannot be shown, with a link to another one. */
export function Missing({ title, text, href, link, onFollow }: {
  title: string;
  text?: string | undefined;
  href: string;
  link: string;
  /** Called before the link is followed, which may lead to the current page. */
  onFollow?: () => void;
}) {
  return (
    <div class="empty" role="alert">
      <p>
        <Name>{title + (text ? `: ${text}` : "")}</Name>
      </p>
      <p>
        <a href={href} onClick={onFollow}>{link}</a>
      </p>
    </div>
  );
}
