import { invalidRequest } from "#shared/errors.ts";
import type { Gap } from "../../engine.ts";

/** Marks of the parts around a gap, as token ids. */
export interface GapTokens {
  readonly prefix: number | undefined;
  readonly suffix: number | undefined;
  readonly middle: number | undefined;
  readonly repository: number | undefined;
  readonly file: number | undefined;
}

/** Keys of GGUF in which a mark may be, the newer first, and its usual texts. */
interface Sources {
  readonly keys: readonly string[];
  readonly texts: readonly string[];
}

/** The names that llama.cpp knows. */
const SOURCES: Readonly<Record<keyof GapTokens, Sources>> = {
  prefix: {
    keys: ["fim_pre_token_id", "prefix_token_id"],
    texts: [
      ...["<|fim_prefix|>", "<fim-prefix>", "<fim_prefix>", "<｜fim▁begin｜>"],
      ...["<PRE>", "▁<PRE>", "<|code_prefix|>", "<|prefix|>"],
    ],
  },
  suffix: {
    keys: ["fim_suf_token_id", "suffix_token_id"],
    texts: [
      ...["<|fim_suffix|>", "<fim-suffix>", "<fim_suffix>", "<｜fim▁hole｜>"],
      ...["<SUF>", "▁<SUF>", "<|code_suffix|>", "<|suffix|>"],
    ],
  },
  middle: {
    keys: ["fim_mid_token_id", "middle_token_id"],
    texts: [
      ...["<|fim_middle|>", "<fim-middle>", "<fim_middle>", "<｜fim▁end｜>"],
      ...["<MID>", "▁<MID>", "<|code_middle|>", "<|middle|>"],
    ],
  },
  repository: {
    keys: ["fim_rep_token_id"],
    texts: ["<|fim_repo|>", "<|repo_name|>", "<fim-repo>", "<REPO>", "<reponame>"],
  },
  file: { keys: ["fim_sep_token_id"], texts: ["<|file_sep|>"] },
};

/** Finds the marks in the `tokenizer.ggml` part of a model's metadata. */
export function findGapTokens(ggml: Readonly<Record<string, unknown>>): GapTokens {
  const { tokens } = ggml;
  const vocabulary = Array.isArray(tokens) ? tokens : [];
  const find = ({ keys, texts }: Sources) => {
    const named = keys.map((key) => ggml[key]).find((id) => typeof id === "number");
    if (named !== undefined) return named;
    return texts.map((text) => vocabulary.indexOf(text)).find((id) => id >= 0);
  };
  return {
    prefix: find(SOURCES.prefix),
    suffix: find(SOURCES.suffix),
    middle: find(SOURCES.middle),
    repository: find(SOURCES.repository),
    file: find(SOURCES.file),
  };
}

/** Dependencies of {@linkcode gapPrompt}. */
export interface GapContext {
  readonly marks: GapTokens;
  /** Tokenizes text in which nothing is a control token. */
  readonly tokenize: (text: string) => Promise<readonly number[]>;
  /** Most tokens of the prompt and {@linkcode Gap.room} together. */
  readonly most: number;
}

/** The name of the project and of the file with the gap, which llama-server gives models, too. */
const PROJECT = "myproject\n";
const FILE = "filename\n";
/** More than any text has on average: of a very long file, only its end is read. */
const CHARACTERS_PER_TOKEN = 16;
/** Stands between files for models without a mark for that. */
const SNIPPET = "\n\n--- snippet ---\n\n";

/**
 * The prompt for a gap, in llama-server's order: the project, its files, then the marked prefix, the
 * marked suffix, and the mark of the gap. The project is there only if files are given, even none.
 *
 * @throws {LlorchError} `INVALID_REQUEST` if the model has not all three marks
 */
export async function gapPrompt(
  { prefix, suffix, files, room }: Gap,
  { marks, tokenize, most }: GapContext,
): Promise<number[]> {
  if (marks.prefix === undefined || marks.suffix === undefined || marks.middle === undefined) {
    const missing = (["prefix", "suffix", "middle"] as const)
      .filter((name) => marks[name] === undefined);
    throw invalidRequest([{
      field: "suffix",
      message: `this model cannot fill in the middle: it has no token for ${missing.join(", ")}`,
    }]);
  }
  const gap = [
    marks.prefix,
    ...await tokenize(prefix),
    marks.suffix,
    ...await tokenize(suffix),
    marks.middle,
  ];
  if (files === undefined) return gap;
  const left = Math.max(0, most - gap.length - room);
  return [...await filesWithin(left, files, marks, tokenize), ...gap];
}

/** The last `most` tokens of the files. Reads them from the last one on, and only those that fit. */
async function filesWithin(
  most: number,
  files: NonNullable<Gap["files"]>,
  marks: GapTokens,
  tokenize: GapContext["tokenize"],
): Promise<number[]> {
  if (most === 0) return [];
  const { repository, file } = marks;
  let tokens = file === undefined ? [] : [file, ...await tokenize(FILE)];
  for (const { filename, text } of files.toReversed()) {
    if (tokens.length >= most) break;
    const head = file === undefined
      ? await tokenize(SNIPPET)
      : [file, ...await tokenize(`${filename}\n`)];
    const body = await tokenize(text.slice(-most * CHARACTERS_PER_TOKEN));
    tokens = [...head, ...body, ...tokens];
  }
  if (repository !== undefined) tokens = [repository, ...await tokenize(PROJECT), ...tokens];
  return tokens.slice(-most);
}
