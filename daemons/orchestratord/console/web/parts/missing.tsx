import { Name } from "./name.tsx";

/** What stands in the place of a page that cannot be shown, with a way out. */
export function Missing({ title, text, href, link }: {
  title: string;
  text?: string | undefined;
  href: string;
  link: string;
}) {
  return (
    <div class="empty" role="alert">
      <p>
        <Name>{title + (text ? `: ${text}` : "")}</Name>
      </p>
      <p>
        <a href={href}>{link}</a>
      </p>
    </div>
  );
}
