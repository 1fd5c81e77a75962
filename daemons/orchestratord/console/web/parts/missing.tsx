import { Name } from "./name.tsx";

/** What stands in the place of a page that cannot be shown, with a way out. */
export function Missing({ title, text, href, link, onFollow }: {
  title: string;
  text?: string | undefined;
  href: string;
  link: string;
  /** Does what is to be done before the link is followed, which may lead to where one is. */
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
