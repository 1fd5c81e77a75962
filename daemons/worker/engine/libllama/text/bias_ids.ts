import { isTokenId } from "#shared/contracts/request.ts";

/** Biases by token ids or texts. */
type Biases = Readonly<Record<string, number>>;

/**
 * Biases by ids only: of a text, each token gets its bias. Where a token is named twice, its id counts,
 * and then the last text.
 *
 * @param tokenize Tokenizes a text without a beginning token.
 */
export async function biasIds(
  given: Biases,
  tokenize: (text: string) => Promise<readonly number[]>,
): Promise<Biases> {
  const byText: Record<string, number> = {};
  const byId: Record<string, number> = {};
  for (const [key, bias] of Object.entries(given)) {
    if (isTokenId(key)) byId[key] = bias;
    else for (const id of await tokenize(key)) byText[id] = bias;
  }
  return { ...byText, ...byId };
}
