"""Writes a model for vLLM: a two-layer Llama with seeded random weights, and a byte-level tokenizer.

What it makes of a plain prompt depends on all tokens before. Some tokens have a successor, whatever
stands before them, so that chats say a script: SCRIPT's beginnings are what its template ends with.
"""
import os
import sys

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

# Each list is said from its first token, which stands in the prompt, to the end.
SCRIPT = [
    ["[chat]", " hm", " so", "</think>", " Fine", " then", "</s>"],
    ["[plain]", " Fine"],
    ["[call]", "<tool_call>", '{"name": "go", ', '"arguments": {"way": ', '"left"', "}}", "</tool_call>", "</s>"],
]
TEMPLATE = """\
{%- if tools %}tools: {{ tools | tojson }}
{% endif -%}
{%- for message in messages %}{{ message['role'] }}: {{ message['content'] }}
{% endfor -%}
{%- if add_generation_prompt %}assistant: {% if tools %}<think></think>[call]
{%- elif enable_thinking is defined and not enable_thinking %}<think></think>[plain]
{%- else %}[chat]{% endif %}{% endif -%}
"""
# Dimensions of the model that belong to the script, beside those with random weights.
RANDOM, OWN = 128, 32

folder = sys.argv[1]
os.makedirs(folder, exist_ok=True)
tokenizer = Tokenizer(models.BPE())
tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
tokenizer.decoder = decoders.ByteLevel()
texts = ["the quick brown fox jumps over the lazy dog " * 20, "naïve café 日本語 😀 " * 20]
trainer = trainers.BpeTrainer(
    vocab_size=400,
    special_tokens=["<s>", "</s>"],
    initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
)
tokenizer.train_from_iterator(texts, trainer)
fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>")
words = ["<think>"] + [word for line in SCRIPT for word in line if word != "</s>"]
fast.add_tokens(list(dict.fromkeys(words)))
fast.chat_template = TEMPLATE
fast.save_pretrained(folder)

torch.manual_seed(1)
model = LlamaForCausalLM(
    LlamaConfig(
        vocab_size=len(fast),
        hidden_size=RANDOM + OWN,
        intermediate_size=256,
        num_hidden_layers=2,
        num_attention_heads=5,
        num_key_value_heads=5,
        max_position_embeddings=2048,
        tie_word_embeddings=False,
        bos_token_id=0,
        eos_token_id=1,
    )
)
with torch.no_grad():
    embed, head = model.model.embed_tokens.weight, model.lm_head.weight
    embed[:, RANDOM:] = 0
    head[:, RANDOM:] = 0
    for layer in model.model.layers:
        layer.self_attn.o_proj.weight[RANDOM:] = 0
        layer.mlp.down_proj.weight[RANDOM:] = 0
    ids = {word: fast.convert_tokens_to_ids(word) for word in [*words, "</s>"]}
    for number in ids.values():
        head[number] = 0  # never said but by the script
    pairs = dict(pair for line in SCRIPT for pair in zip(line, line[1:]))
    for own, (word, after) in enumerate(pairs.items()):
        embed[ids[word], RANDOM + own] = 100
        head[ids[after], RANDOM + own] = 100
model.to(torch.bfloat16).save_pretrained(folder)
print(folder)
