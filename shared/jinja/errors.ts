/** Longest message, in characters: templates write some of them. */
const MOST_CHARACTERS = 1_000;

/** A template that cannot be parsed, refuses its inputs or exceeds a limit. */
export class TemplateError extends Error {
  override readonly name = "TemplateError";

  constructor(message: string) {
    super(message.length > MOST_CHARACTERS ? `${message.slice(0, MOST_CHARACTERS)}…` : message);
  }
}

/** A template that takes more steps than one rendering may. */
export class TooManySteps extends TemplateError {}
