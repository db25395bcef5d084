"""Seconds to publish a model to a Hub on the loopback interface, against copying it on this disk and hashing it once.

    python benchmarks/publish_speed.py [MEGABYTES]

Publishing reads the file three times (for secrets, for its hash, to send it), and the Hub, a process of its own on the
same machine, hashes and writes what it receives; then every hash is verified and the commit tagged. Copying ends when
the copy is on the disk. Weights are random, so that nothing is gained by compression or by what is known already; every
round publishes to a new repository. The first round of a process also sets the client up, and is left out.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

TESTS = Path(__file__).parents[1] / "tests"
OWNER, TOKEN = "benchmark", "hf_" + "b" * 34
ROUNDS = 5


def write_model(folder: Path, megabytes: int) -> Path:
    """A folder as a published model has it; only its size matters."""
    folder.mkdir()
    (folder / "README.md").write_text("---\nlicense: mit\n---\n# A model\n", encoding="utf-8")
    (folder / "config.json").write_text("{}", encoding="utf-8")
    with (folder / "model.safetensors").open("wb") as stream:
        for _ in range(megabytes):
            stream.write(os.urandom(1_000_000))
    return folder


def copying(source: Path, target: Path) -> float:
    """Seconds to copy the weights to the disk and hash them."""
    started = time.perf_counter()
    with (source / "model.safetensors").open("rb") as reading, target.open("wb") as writing:
        shutil.copyfileobj(reading, writing, 1 << 20)
        writing.flush()
        os.fsync(writing.fileno())
    with target.open("rb") as stream:
        hashlib.file_digest(stream, "sha256")
    seconds = time.perf_counter() - started
    target.unlink()
    return seconds


def publishing(source: Path, receipt: Path, number: int) -> float:
    """Seconds until a model is on the Hub, verified and tagged; in a process with the Hub's address."""
    from finetune.publishing import Receipt, Upload, send

    upload = Upload("model", f"{OWNER}/round-{number}", True, source, "Publish", tag="v1")
    started = time.perf_counter()
    send(upload, Receipt.open(receipt))
    return time.perf_counter() - started


def client(folder: Path) -> None:
    """Both measurements in turns, so that a busy moment of the machine falls on both alike."""
    rows = [
        (copying(folder / "model", folder / "copy"), publishing(folder / "model", folder / "receipt.json", number))
        for number in range(ROUNDS + 1)
    ]
    print(json.dumps(rows[1:]))


def hub(folder: Path) -> None:
    """A Hub of its own, until the input ends; the first line of the output is what a client has to know of it."""
    sys.path.insert(0, str(TESTS))
    from loopback_hub import LoopbackHub

    with LoopbackHub(folder / "hub") as running:
        running.add_token(TOKEN, OWNER, "write")
        print(json.dumps(running.environment(folder / "home", token=TOKEN)), flush=True)
        sys.stdin.read()


def measure(folder: Path) -> list[tuple[float, float]]:
    """Seconds of copying and of publishing, round by round."""
    serving = subprocess.Popen(
        [sys.executable, __file__, "hub", str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert serving.stdin is not None
    assert serving.stdout is not None
    try:
        environment = {**os.environ, **json.loads(serving.stdout.readline())}
        command = [sys.executable, __file__, "client", str(folder)]
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    finally:
        serving.stdin.close()
        serving.wait(timeout=30)
    return [(copied, published) for copied, published in json.loads(done.stdout)]


def compare(megabytes: int) -> Iterator[str]:
    """One line per measurement."""
    with tempfile.TemporaryDirectory() as temporary:
        write_model(Path(temporary) / "model", megabytes)
        rounds = measure(Path(temporary))
    copied, published = (statistics.median(column) for column in zip(*rounds, strict=True))
    for name, seconds in (("copy and hash", copied), ("publish", published)):
        yield (
            f"{name:14} {megabytes:5} MB {seconds:7.3f} s {megabytes / seconds:7,.0f} MB/s  "
            f"{seconds / copied:5.2f} × copy and hash"
        )


def main(arguments: Sequence[str] = tuple(sys.argv[1:])) -> None:
    if arguments and arguments[0] in ("client", "hub"):
        {"client": client, "hub": hub}[arguments[0]](Path(arguments[1]))
        return
    for line in compare(int(arguments[0]) if arguments else 100):
        print(line, flush=True)


if __name__ == "__main__":
    main()
