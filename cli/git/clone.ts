/** The folder that git would choose for a clone: the last part of the address without `.git`. */
export function cloneFolder(url: string): string | undefined {
  const last = url.replace(/\/+$/, "").replace(/\/?\.git$/, "").split(/[/:]/).at(-1);
  return last === undefined || last === "" || last.startsWith(".") ? undefined : last;
}
