/**
 * The one name that a client means by another: with `:latest`, with the ending of its file, with a
 * provider before it, or in another case, as Ollama, llama-server and LiteLLM accept them.
 *
 * @param has Whether a name is known.
 * @param names All known names.
 * @returns undefined if there is none, or more than one
 */
export function lenientName(
  given: string,
  has: (name: string) => boolean,
  names: () => Iterable<string>,
): string | undefined {
  // Who may use paths writes them exactly.
  const forms = formsOf(given).filter((form) => !/^file:/i.test(form));
  const exact = forms.find(has);
  if (exact !== undefined) return exact;
  const wanted = new Set(forms.map((form) => form.toLowerCase()));
  const found = [...names()].filter((name) =>
    !name.startsWith("file:") && wanted.has(name.toLowerCase())
  );
  return found.length === 1 ? found[0] : undefined;
}

/** Forms of a name, the longest first. */
function formsOf(given: string): string[] {
  const forms = [given];
  for (const cut of [/:latest$/i, /\.gguf$/i, /^[^/]+\//]) {
    const shorter = forms.at(-1)!.replace(cut, "");
    if (shorter !== "" && shorter !== forms.at(-1)) forms.push(shorter);
  }
  return forms;
}
