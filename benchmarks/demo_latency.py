"""How soon the demo of a run is ready, and how long answers take, against the bare forward of the model, text by text.

python benchmarks/demo_latency.py RUN

One thread, one text at a time, all ways in turns: a busy moment of the machine falls on all alike.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

Ask = Callable[[Mapping[str, Any]], Any]


def bare_forward(model: Any, rows: Sequence[Mapping[str, Any]]) -> tuple[Ask, Ask]:
    """Functions that ask the model without anything of ours: its forward on a batch made before; and the same with
    making that batch, since whoever asks has a text."""
    import torch

    from finetune.models import model_inputs

    collate = model.task.collator(model.processor)

    def batch_of(values: Mapping[str, Any]) -> dict[str, Any]:
        features = model.task.encode(model.task.rows_from([dict(values)]), model.processor, model.max_length)
        batch = collate(model_inputs(features, range(len(features))))
        batch.pop("labels", None)
        return dict(batch)

    ready = {str(dict(row)): batch_of(row) for row in rows}

    @torch.inference_mode()
    def forward(batch: dict[str, Any]) -> Any:
        return model.model(**batch)

    return lambda values: forward(ready[str(dict(values))]), lambda values: forward(batch_of(values))


def seconds(ask: Ask, values: Mapping[str, Any]) -> float:
    started = time.perf_counter()
    ask(values)
    return time.perf_counter() - started


def compare(run: Path, count: int = 50) -> Iterator[str]:
    """Lines of a table.

    Args:
        run: Folder of a finished run.
        count: How many test rows are asked about.
    """
    import torch
    from gradio_client import Client

    import finetune
    from finetune.serving import Answerer, DemoSettings, start

    torch.set_num_threads(1)
    model = finetune.load(run)
    started = time.perf_counter()
    answerer = Answerer(model, run=finetune.RunFolder.open(run))
    demo = start(answerer, DemoSettings())
    yield f"{'ready after the model is loaded':34} {time.perf_counter() - started:8.2f} s"
    try:
        client = Client(demo.url, verbose=False)
        rows = answerer.examples(count)
        forward, whole = bare_forward(model, rows)
        ways: dict[str, Ask] = {
            "the bare model's forward": forward, "tokenizing, then the forward": whole,
            "Answerer.answer": answerer.answer,
            "over HTTP (gradio_client)": lambda values: client.predict(**values, api_name="/predict"),
        }  # fmt: skip
        yield from table(ways, rows)
    finally:
        demo.close()


def table(ways: Mapping[str, Ask], rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """A line for each way to ask: its median over the rows and its ratio to the first way's."""
    for ask in ways.values():
        ask(rows[0])  # the first call of everything is slower
    taken = [[seconds(ask, row) for ask in ways.values()] for row in rows]
    medians = [statistics.median(column) for column in zip(*taken, strict=True)]
    # Of the pairs, not of the medians: long texts take longer whoever asks.
    ratios = [statistics.median(row[i] / row[0] for row in taken) for i in range(len(ways))]
    for name, median, ratio in zip(ways, medians, ratios, strict=True):
        yield f"{name:34} {1000 * median:8.2f} ms   {ratio:5.2f} × forward   ({len(rows)} texts)"


def main() -> None:
    if len(sys.argv) != 2:
        raise SystemExit("python benchmarks/demo_latency.py RUN, where RUN is the folder of a finished run")
    for line in compare(Path(sys.argv[1])):
        print(line, flush=True)


if __name__ == "__main__":
    main()
