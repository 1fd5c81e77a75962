"""Writes a model for vLLM: a two-layer Llama with seeded random weights, and a byte-level tokenizer.

Its template is short, and thinks and calls as Qwen's and Hermes' models do, so that vLLM's parsers
have something to parse where a grammar makes the model say it.
"""
import os
import sys

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

TEMPLATE = """\
{%- if tools %}tools: {{ tools | tojson }}
{% endif -%}
{%- for message in messages %}{{ message['role'] }}: {{ message['content'] }}
{% endfor -%}
{%- if add_generation_prompt %}assistant: {% if enable_thinking is defined and not enable_thinking %}<think></think>{% endif %}{% endif -%}
"""

folder = sys.argv[1]
os.makedirs(folder, exist_ok=True)
tokenizer = Tokenizer(models.BPE())
tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
tokenizer.decoder = decoders.ByteLevel()
texts = ["the quick brown fox jumps over the lazy dog " * 20, "naïve café 日本語 😀 " * 20]
special = ["<s>", "</s>", "<think>", "</think>", "<tool_call>", "</tool_call>"]
alphabet = pre_tokenizers.ByteLevel.alphabet()
trainer = trainers.BpeTrainer(vocab_size=400, special_tokens=special[:2], initial_alphabet=alphabet)
tokenizer.train_from_iterator(texts, trainer)
fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>")
fast.add_tokens(special[2:])
fast.chat_template = TEMPLATE
fast.save_pretrained(folder)
torch.manual_seed(1)
config = LlamaConfig(
    vocab_size=len(fast),
    hidden_size=128,
    intermediate_size=256,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=4,
    max_position_embeddings=2048,
    bos_token_id=0,
    eos_token_id=1,
)
LlamaForCausalLM(config).to(torch.bfloat16).save_pretrained(folder)
print(len(fast), sorted(os.listdir(folder)))
