"""Small language models and tokenizers, made here: nothing is downloaded."""

import random
from functools import cache

import torch
import transformers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

from tinyeval.training.items import Item

TEXT = (
    "the cat dog bird sees likes eats red blue small big fish tree house is was and not under over"
)
WORDS = TEXT.split()
transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()


def sentences(n=300, seed=0):
    rng = random.Random(seed)
    return [" ".join(rng.choices(WORDS, k=rng.randint(3, 12))) + "." for _ in range(n)]


@cache
def bpe(begin=True, vocabulary=200):
    """A byte-level BPE tokenizer; with ``begin``, a text begins with <s>."""
    raw = Tokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    special = ["<s>", "</s>", "<pad>"]
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary + 256,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    raw.train_from_iterator(sentences(), trainer)
    if begin:
        raw.post_processor = processors.TemplateProcessing(
            single="<s> $A", special_tokens=[("<s>", 0)]
        )
    names = {"eos_token": "</s>", "pad_token": "<pad>"} | ({"bos_token": "<s>"} if begin else {})
    return transformers.PreTrainedTokenizerFast(tokenizer_object=raw, **names)


SMALL = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}
CONFIGS = {
    "llama": lambda v: transformers.LlamaConfig(
        vocab_size=v, intermediate_size=48, max_position_embeddings=128, **SMALL
    ),
    "llama_eager": lambda v: transformers.LlamaConfig(
        vocab_size=v,
        intermediate_size=48,
        max_position_embeddings=128,
        attn_implementation="eager",
        **SMALL,
    ),
    "gpt2": lambda v: transformers.GPT2Config(
        vocab_size=v, n_embd=32, n_layer=2, n_head=4, n_positions=128
    ),
    "neox": lambda v: transformers.GPTNeoXConfig(
        vocab_size=v, intermediate_size=48, max_position_embeddings=128, **SMALL
    ),
    "mistral_window": lambda v: transformers.MistralConfig(
        vocab_size=v,
        intermediate_size=48,
        num_key_value_heads=2,
        sliding_window=5,
        max_position_embeddings=128,
        **SMALL,
    ),
    "qwen3": lambda v: transformers.Qwen3Config(
        vocab_size=v,
        intermediate_size=48,
        num_key_value_heads=2,
        head_dim=8,
        max_position_embeddings=128,
        **SMALL,
    ),
    "gemma3": lambda v: transformers.Gemma3TextConfig(
        vocab_size=v,
        intermediate_size=48,
        num_key_value_heads=2,
        head_dim=8,
        sliding_window=5,
        max_position_embeddings=128,
        **SMALL,
    ),
    "bloom": lambda v: transformers.BloomConfig(vocab_size=v, hidden_size=32, n_layer=2, n_head=4),
    "mamba": lambda v: transformers.MambaConfig(vocab_size=v, hidden_size=32, num_hidden_layers=2),
    "opt": lambda v: transformers.OPTConfig(
        vocab_size=v,
        ffn_dim=48,
        word_embed_proj_dim=32,
        max_position_embeddings=128,
        pad_token_id=1,
        **SMALL,
    ),
}


@cache
def tiny_model(kind="llama", begin=True, seed=0):
    """A random model whose logits differ enough to be told apart."""
    torch.manual_seed(seed)
    config = CONFIGS[kind](len(bpe(begin)))
    model = transformers.AutoModelForCausalLM.from_config(config)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.mul_(4.0)
    return model.eval()


def choice_items(n=12, seed=0):
    rng = random.Random(seed)
    items = []
    for k in range(n):
        prompt = " ".join(rng.choices(WORDS, k=rng.randint(1, 20)))
        choices: list[str] = []
        while len(choices) < 4:  # two that are the same would tie, but for rounding
            one = " ".join(rng.choices(WORDS, k=rng.randint(1, 5)))
            choices += [one] * (one not in choices)
        content = {"prompt": prompt, "choices": choices, "gold": rng.randrange(4)}
        items.append(Item(f"choice/{k}", content))
    return items


def plain_log_likelihood(model, context, continuation):
    """One row, no padding, no cache: the definition."""
    with torch.no_grad():
        ids = torch.tensor([[*context, *continuation]])
        logits = model(input_ids=ids, use_cache=False).logits[0].double().log_softmax(-1)
    start = len(context) - 1
    return sum(logits[start + t, y].item() for t, y in enumerate(continuation))
