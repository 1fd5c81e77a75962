/** Longest name of a file, in characters. */
const MAX_NAME = 255;

/** Characters that are not seen, or change how others are seen. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/** A client's name for a file as it is kept: without folders, and only characters that are seen. */
export function fileName(given: string): string {
  const last = given.split(/[\\/]/).at(-1) ?? "";
  const name = last.toWellFormed().replace(UNSEEN, "").trim().slice(0, MAX_NAME).toWellFormed();
  return /^\.*$/.test(name) ? "file" : name;
}

/** The header by which a browser saves a file under its name, and never shows it. */
export function contentDisposition(name: string): string {
  const plain = name.replace(/[^A-Za-z0-9._ -]/g, "_");
  const exact = encodeURIComponent(name).replace(
    /['()*]/g,
    (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `attachment; filename="${plain}"; filename*=UTF-8''${exact}`;
}
