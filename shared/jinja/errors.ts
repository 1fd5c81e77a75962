/** A template that cannot be parsed, refuses its inputs or exceeds a limit. */
export class TemplateError extends Error {
  override readonly name = "TemplateError";
}

/** A template that takes more steps than one rendering may. */
export class TooManySteps extends TemplateError {}
