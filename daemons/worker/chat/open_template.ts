import { errorMessage } from "#shared/errors.ts";
import { CHATML, ChatTemplate, type ChatTokenizer } from "./chat_template.ts";

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
}

/** Opens a model's chat template: ChatML for a model that has none. */
export function openChatTemplate(
  { plain, toolUse }: TemplateSources,
  tokenizer: ChatTokenizer,
): OpenedTemplate {
  const source = plain ?? toolUse;
  if (source === undefined) {
    return {
      template: new ChatTemplate(CHATML, tokenizer),
      warning: "The model has no chat template; chats are written as ChatML",
    };
  }
  try {
    const template = new ChatTemplate(source, tokenizer, { toolUse });
    return { template, warning: template.warning };
  } catch (error) {
    return {
      template: undefined,
      warning: `Cannot read the model's chat template: ${errorMessage(error)}`,
    };
  }
}
