import { errorMessage } from "#shared/errors.ts";
import { CHATML, ChatTemplate } from "./chat_template.ts";
import { RawText } from "./raw_text.ts";
import type { ChatTokenizer } from "./tokenizer.ts";

/** A model's templates as its file has them. */
export interface TemplateSources {
  readonly plain: string | undefined;
  /** For requests that offer tools. */
  readonly toolUse: string | undefined;
}

/** The template that a model is used with, and what is wrong with it. */
export interface OpenedTemplate {
  /** Undefined if the model's template cannot be read: it takes prompts, but no chats. */
  readonly template: ChatTemplate | undefined;
  readonly warning: string | undefined;
  /** Tokenizes texts outside of chats. */
  readonly raw: RawText;
}

/**
 * Opens a model's chat template: ChatML for a model that has none, or one of white space only. ChatML
 * also tells how most models write thoughts and calls where a template cannot be read.
 */
export function openChatTemplate(
  { plain, toolUse }: TemplateSources,
  tokenizer: ChatTokenizer,
): OpenedTemplate {
  const opened = (template: ChatTemplate | undefined, warning: string | undefined) => {
    const { marks } = template ?? new ChatTemplate(CHATML, tokenizer);
    return { template, warning, raw: new RawText(tokenizer, marks) };
  };
  const [ofTools] = [toolUse].filter(isWritten);
  const [source] = [plain, ofTools].filter(isWritten);
  if (source === undefined) {
    const found = plain === undefined && toolUse === undefined ? "no" : "an empty";
    return opened(
      new ChatTemplate(CHATML, tokenizer),
      `The model has ${found} chat template; chats are written as ChatML`,
    );
  }
  try {
    const template = new ChatTemplate(source, tokenizer, { toolUse: ofTools });
    return opened(template, template.warning);
  } catch (error) {
    return opened(undefined, `Cannot read the model's chat template: ${errorMessage(error)}`);
  }
}

function isWritten(source: string | undefined): source is string {
  return source !== undefined && source.trim() !== "";
}
