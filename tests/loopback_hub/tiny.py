"""Small repositories for tests, written in the Hub's layout and the same on every run."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
MAX_POSITIONS = 128


def tiny_bert(
    folder: Path | str,
    vocabulary_texts: Iterable[str],
    num_labels: int | None = None,
    *,
    seed: int = 0,
) -> Path:
    """Write a random BERT (two layers, width 32) with a WordPiece tokenizer that covers the texts.

    Without ``num_labels`` it is the bare encoder, with it a sequence classifier. The global random
    state is left as it was.
    """
    import torch
    from transformers import BertConfig, BertForSequenceClassification, BertModel, BertTokenizerFast

    folder = Path(folder)
    vocabulary = wordpiece_vocabulary(vocabulary_texts)
    tokenizer = BertTokenizerFast(vocab=vocabulary, model_max_length=MAX_POSITIONS)
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=MAX_POSITIONS,
        pad_token_id=tokenizer.pad_token_id,
        **({} if num_labels is None else {"num_labels": num_labels}),
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = BertModel(config) if num_labels is None else BertForSequenceClassification(config)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def wordpiece_vocabulary(texts: Iterable[str]) -> dict[str, int]:
    """Special tokens, then every character alone and as a continuation, then the texts' words.

    The characters make any word over the same alphabet representable, so held-out texts do not
    collapse into unknown tokens.
    """
    from tokenizers.normalizers import BertNormalizer
    from tokenizers.pre_tokenizers import BertPreTokenizer

    normalizer, splitter = BertNormalizer(), BertPreTokenizer()
    words: Counter[str] = Counter()
    for text in texts:
        words.update(word for word, _ in splitter.pre_tokenize_str(normalizer.normalize_str(text)))
    letters = sorted({letter for word in words for letter in word})
    ranked = sorted(words, key=lambda word: (-words[word], word))
    pieces = [*SPECIAL_TOKENS, *letters, *(f"##{letter}" for letter in letters), *ranked]
    return {piece: index for index, piece in enumerate(dict.fromkeys(pieces))}


def tiny_adapter(folder: Path | str, base: Path | str, base_id: str, *, seed: int = 0) -> Path:
    """Write a LoRA adapter for the model in ``base``, which it names ``base_id`` as a published one does."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModel

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = get_peft_model(
            AutoModel.from_pretrained(base),
            LoraConfig(r=2, target_modules=["query", "value"], init_lora_weights=False),
        )
    folder = Path(folder)
    model.save_pretrained(str(folder))
    # Named only now: peft asks the Hub about the base when it saves, and here that may be the real Hub.
    written = folder / "adapter_config.json"
    settings = json.loads(written.read_text(encoding="utf-8"))
    written.write_text(json.dumps({**settings, "base_model_name_or_path": base_id}, indent=2), encoding="utf-8")
    return folder


def dataset_repository(
    folder: Path | str,
    configs: Mapping[str, Mapping[str, Sequence[Mapping[str, Any]]]],
    features: Any = None,
    card: Mapping[str, Any] | None = None,
    body: str = "# A dataset for tests\n",
) -> Path:
    """Write configurations of splits of rows as ``push_to_hub`` lays them out.

    That is ``<config>/<split>-00000-of-00001.parquet`` (``data/`` for the configuration ``default``)
    and a README whose front matter has ``configs`` and ``dataset_info``. The first configuration is
    the default one. ``features`` is one ``datasets.Features`` for all or a mapping by configuration;
    ``card`` adds front matter such as ``license``.
    """
    from datasets import Dataset, DatasetInfo, Features, SplitDict, SplitInfo

    folder = Path(folder)
    listed: list[dict[str, Any]] = []
    infos: list[dict[str, Any]] = []
    for number, (name, splits) in enumerate(configs.items()):
        own = features if features is None or isinstance(features, Features) else features.get(name)
        place = "data" if name == "default" else name
        (folder / place).mkdir(parents=True, exist_ok=True)
        info = DatasetInfo(splits=SplitDict(), download_size=0, dataset_size=0)
        for split, rows in splits.items():
            dataset = Dataset.from_list([dict(row) for row in rows], features=own)
            target = folder / place / f"{split}-00000-of-00001.parquet"
            size = dataset.to_parquet(str(target))
            info.features = dataset.features
            info.splits.add(SplitInfo(split, num_bytes=size, num_examples=len(dataset)))
            info.download_size += target.stat().st_size
            info.dataset_size += size
        files = [{"split": split, "path": f"{place}/{split}-*"} for split in splits]
        listed.append({"config_name": name, "data_files": files, **({} if number else {"default": True})})
        infos.append({"config_name": name, **info._to_yaml_dict()})
    if list(configs) == ["default"]:
        del listed[0]["default"]
    front = {**(card or {}), "dataset_info": infos, "configs": listed}
    text = yaml.safe_dump(front, sort_keys=False, allow_unicode=True)
    (folder / "README.md").write_text(f"---\n{text}---\n\n{body}", encoding="utf-8")
    return folder
