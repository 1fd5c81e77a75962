import type { TokenPiece } from "#shared/contracts/worker.ts";
import { invalidRequest } from "#shared/errors.ts";
import { Turn } from "#shared/in_turns.ts";
import type { Engine } from "../engine/engine.ts";

type Vocabulary = Pick<Engine, "detokenize" | "controlText" | "partBytes" | "vocabularySize">;

const REPLACEMENT = "\ufffd";

/** The text of a token, also of a control token, or its bytes if it is a part of a character. */
export function pieceOf(token: number, engine: Vocabulary): TokenPiece {
  // It is of a picture or of sound.
  if (token < 0) return "";
  const text = engine.controlText(token) ?? engine.detokenize([token]);
  const bytes = text.includes(REPLACEMENT) ? engine.partBytes(token) : undefined;
  return bytes ? [...bytes] : text;
}

/** The piece of each token. Lets other work go on in between. */
export async function piecesOf(
  tokens: readonly number[],
  engine: Vocabulary,
): Promise<TokenPiece[]> {
  const turn = new Turn();
  const pieces: TokenPiece[] = [];
  for (const token of tokens) {
    pieces.push(pieceOf(token, engine));
    await turn.pause();
  }
  return pieces;
}

/**
 * The text of tokens, with that of control tokens. Lets other work go on in between.
 *
 * @throws {LlorchError} `INVALID_REQUEST` for ids outside of the vocabulary
 */
export async function textOf(tokens: readonly number[], engine: Vocabulary): Promise<string> {
  checkVocabulary(tokens, engine.vocabularySize);
  const turn = new Turn();
  let text = "";
  let run: number[] = [];
  const flush = () => {
    if (run.length > 0) text += engine.detokenize(run);
    run = [];
  };
  for (const token of tokens) {
    const control = engine.controlText(token);
    if (control === undefined) run.push(token);
    else {
      flush();
      text += control;
      await turn.pause();
    }
  }
  flush();
  return text;
}

/** @throws {LlorchError} `INVALID_REQUEST` for ids outside of a vocabulary of this size */
export function checkVocabulary(tokens: readonly number[], size: number): void {
  const wrong = tokens.findIndex((token) => token >= size);
  if (wrong < 0) return;
  const message = `is not a token: the model's tokens are 0 to ${size - 1}`;
  throw invalidRequest([{ field: `tokens.${wrong}`, message }]);
}
