"""A conversation with a small causal language model, and pictures and sounds as people give them."""

from __future__ import annotations

import io
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import soundfile
from gradio_client import Client
from PIL import Image

from finetune.artifacts import TrainedModel
from finetune.errors import MissingExtraError, UsageError
from finetune.serving import media
from finetune.serving.answering import Answerer
from finetune.serving.app import DemoSettings
from finetune.serving.conversation import NO_ANSWER, StreamingTask, read_messages, stream_reply
from finetune.serving.launching import RunningDemo, start
from finetune.serving.media import media_component, read_audio, read_image, read_media
from finetune.sources import ModelSource
from finetune.task import Answers, Column, Example, Prediction, Row, Task
from finetune.views import Field, Words

WORDS = ("the", "a", "cat", "dog", "bird", "sat", "ran", "saw", "on", "under", "mat", "tree", "hello", "you", "are")
TEMPLATE = "{% for m in messages %}[{{ m.role }}] {{ m.content }} {% endfor %}[assistant]"


def _unused(*_: Any, **__: Any) -> Any:
    raise AssertionError("A conversation needs no more of a task.")


class ConversationTask(Task):
    """As much of a language model's task as a conversation needs; it answers whole."""

    name = "conversation"
    columns: ClassVar[tuple[Column, ...]] = (Column("messages", "messages"), Column("answer", "target"))
    auto_class = "AutoModelForCausalLM"
    kind = "text"
    metrics = ("exact_match",)
    baselines = ()
    learn = parse_target = check_training_rows = load = encode = collator = loss = decode = _unused  # type: ignore[assignment]
    arrays = perfect = state = with_state = _unused  # type: ignore[assignment]

    @property
    def shows(self) -> tuple[type[Words], ...]:
        return (Words,)

    def rows_from(self, inputs: Sequence[Any]) -> list[Row]:
        return [{"messages": value["messages"]} for value in inputs]

    def text_of(self, row: Row) -> str:
        return "\n".join(message["content"] for message in row["messages"])

    def answer(
        self, rows: Sequence[Row], model: Any, processor: Any, batch_size: int, max_length: int | None
    ) -> Answers:
        return Answers([self._whole(row, model, processor) for row in rows], 0.0, 0)

    def _whole(self, row: Row, model: Any, processor: Any) -> Prediction:
        given = encode(processor, row)
        made = model.generate(**given, max_new_tokens=5, do_sample=False)
        return {"prediction": processor.decode(made[0, given["input_ids"].shape[1] :], skip_special_tokens=True)}

    @classmethod
    def examples(cls) -> dict[str, Example]:
        return {}


class StreamingConversationTask(ConversationTask):
    """The same, piece by piece, as transformers streams it from a thread."""

    name = "streaming-conversation"
    finished: ClassVar[list[int]] = []
    """Tokens of each generation that came to its end, also where it was stopped."""

    def stream(
        self, row: Row, model: Any, processor: Any, *, max_new_tokens: int, max_length: int | None
    ) -> Iterator[str]:
        from transformers import StoppingCriteriaList, TextIteratorStreamer

        stopped = threading.Event()
        streamer = TextIteratorStreamer(processor, skip_prompt=True, skip_special_tokens=True)
        given = encode(processor, row)

        def generate() -> None:
            made = model.generate(
                **given, max_new_tokens=max_new_tokens, do_sample=False, streamer=streamer,
                stopping_criteria=StoppingCriteriaList([lambda ids, *_, **__: stop(ids)]),
            )  # fmt: skip
            self.finished.append(made.shape[1] - given["input_ids"].shape[1])

        def stop(ids: Any) -> Any:
            import torch

            return torch.full((len(ids),), stopped.is_set())

        thread = threading.Thread(target=generate)
        thread.start()
        try:
            yield from streamer
        finally:
            stopped.set()
            thread.join()


class BrokenConversationTask(ConversationTask):
    """One whose model fails after a few words."""

    name = "broken-conversation"

    def stream(
        self, row: Row, model: Any, processor: Any, *, max_new_tokens: int, max_length: int | None
    ) -> Iterator[str]:
        yield "the cat"
        raise RuntimeError("secret details of the failure")


def encode(processor: Any, row: Row) -> dict[str, Any]:
    return dict(processor.apply_chat_template(row["messages"], return_tensors="pt", return_dict=True))


@pytest.fixture(scope="module")
def language_model() -> tuple[Any, Any]:
    """A random Llama of two layers that never ends by itself, and a tokenizer of a few words."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    vocabulary = {word: i for i, word in enumerate(["[PAD]", "[UNK]", *WORDS])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    processor = PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]")
    processor.chat_template = TEMPLATE
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(vocabulary), hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2,
        max_position_embeddings=4096, pad_token_id=0, bos_token_id=None, eos_token_id=None,
    )  # fmt: skip
    model = LlamaForCausalLM(config).eval()
    model.generation_config.suppress_tokens = [0, 1]
    return model, processor


@pytest.fixture(scope="module")
def answerer_of(language_model: tuple[Any, Any]) -> Any:
    base = ModelSource("tiny", None, "tiny")
    return lambda task, **settings: Answerer(TrainedModel(task(), *language_model, base), **settings)


def said(*contents: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": content} for content in contents]


class TestMessages:
    def test_blocks_of_the_page_and_texts_of_programs_are_the_same(self):
        blocks = [
            {"role": "user", "content": [{"type": "text", "text": "hello"}], "metadata": None, "options": None},
            {"role": "assistant", "content": [{"type": "text", "text": "the"}, {"type": "text", "text": "cat"}]},
        ]
        texts = [{"role": "user", "content": "hello"}, {"role": "assistant", "content": "the\ncat"}]
        assert read_messages(blocks, "then") == read_messages(texts, "then") == [*texts, *said("then")]

    def test_the_system_prompt_comes_first_where_there_is_one(self):
        assert read_messages([], "hi", " be kind ")[0] == {"role": "system", "content": "be kind"}
        assert read_messages([], {"text": "hi", "files": []}, "  ") == said("hi")

    def test_what_got_no_answer_is_forgotten(self):
        failed = {"role": "assistant", "content": "It failed.", "metadata": {"title": NO_ANSWER}}
        half = {"role": "assistant", "content": "the cat"}
        first = [*said("hello"), {"role": "assistant", "content": "hi"}]
        assert read_messages([*first, *said("what?"), half, failed], "then") == [*first, *said("then")]
        assert read_messages([*first, *said(" "), failed], "then") == [*first, *said("then")]
        assert read_messages([*said(" "), failed], "then") == said("then")

    @pytest.mark.parametrize("content", [[{"type": "file", "file": {"path": "x.png"}}], {"text": "a", "files": ["b"]}])
    def test_files_are_refused(self, content: Any):
        with pytest.raises(UsageError, match="file"):
            read_messages([{"role": "user", "content": content}], "what is this?")


class TestStreaming:
    def test_pieces_grow_to_what_the_model_generates(self, answerer_of: Any, language_model: tuple[Any, Any]):
        assert isinstance(StreamingConversationTask(), StreamingTask)
        model, processor = language_model
        given = encode(processor, {"messages": said("hello cat")})
        made = model.generate(**given, max_new_tokens=12, do_sample=False)[0, given["input_ids"].shape[1] :]
        seen = list(stream_reply(answerer_of(StreamingConversationTask), said("hello cat"), 12))
        assert seen[-1] == processor.decode(made, skip_special_tokens=True)
        assert len(seen[-1].split()) == 12
        assert len(set(seen)) > 4
        assert all(after.startswith(before) for before, after in pairwise(seen))

    def test_a_task_that_cannot_stream_answers_whole(self, answerer_of: Any):
        (whole,) = stream_reply(answerer_of(ConversationTask), said("hello"), 3)
        assert len(whole.split()) == 5

    def test_closing_it_ends_the_generation_and_lets_the_next_one_in(self, answerer_of: Any):
        answerer = answerer_of(StreamingConversationTask)
        reply = stream_reply(answerer, said("hello"), 2000)
        next(reply)
        reply.close()
        assert StreamingConversationTask.finished[-1] < 2000
        assert not answerer.lock.locked()

    @pytest.mark.parametrize(
        ("messages", "tokens", "cause"),
        [([], 5, "empty"), (said(" \n"), 5, "empty"), (said("x" * 41), 5, "41 characters"), (said("hi"), 0, "0 tokens"),
         (said("hi"), 5000, "5000 tokens")],
    )  # fmt: skip
    def test_what_cannot_be_answered_is_refused(self, answerer_of: Any, messages: Any, tokens: int, cause: str):
        answerer = answerer_of(StreamingConversationTask, max_characters=40)
        with pytest.raises(UsageError, match=cause):
            next(stream_reply(answerer, messages, tokens))


class TestThePage:
    @pytest.fixture(scope="class")
    def demo(self, answerer_of: Any) -> Iterator[RunningDemo]:
        running = start(answerer_of(StreamingConversationTask), DemoSettings())
        yield running
        running.close()

    @pytest.fixture(scope="class")
    def client(self, demo: RunningDemo) -> Client:
        return Client(demo.url, verbose=False)

    def test_a_program_sees_the_answer_grow(self, client: Client):
        job = client.submit("hello cat", None, "you are", 600, api_name="/chat")
        assert len(job.result().split()) == 600
        first, *_, last = job.outputs()
        assert last == job.result()
        assert len(first) < len(last)

    def test_the_endpoint_says_what_it_is_for(self, client: Client):
        described = client.view_api(return_format="dict", print_info=False)["named_endpoints"]
        assert set(described) == {"/chat"}
        assert "conversation" in described["/chat"]["description"]

    def test_a_program_sends_the_history(self, client: Client):
        history = [*said("a cat"), {"role": "assistant", "content": "the mat"}]
        answers = [client.predict("hello", given, max_new_tokens=8, api_name="/chat") for given in ([], history)]
        assert answers[0] != answers[1]

    def test_an_error_is_a_sentence(self, client: Client):
        with pytest.raises(Exception, match=r"The message is empty\. Write something first\."):
            client.predict("  ", api_name="/chat")

    def test_stopping_ends_the_generation(self, client: Client):
        before = len(StreamingConversationTask.finished)
        job = client.submit("hello", max_new_tokens=2000, api_name="/chat")
        next(iter(job))
        job.cancel()
        assert client.predict(
            "hello cat", max_new_tokens=3, api_name="/chat"
        )  # nobody waits for an answer that nobody reads
        assert StreamingConversationTask.finished[before] < 2000

    def test_a_failure_tells_no_details(self, answerer_of: Any, caplog: pytest.LogCaptureFixture):
        running = start(answerer_of(BrokenConversationTask), DemoSettings())
        try:
            with pytest.raises(Exception, match="could not answer") as caught:
                Client(running.url, verbose=False).predict("hello", api_name="/chat")
            assert "secret" not in str(caught.value)
        finally:
            running.close()
        assert "secret details" in caplog.text


IMAGE, SOUND = Field("image", "image", "Picture"), Field("audio", "audio", "Recording", required=False)


class TestPictures:
    def test_a_picture_comes_as_rgb(self, tmp_path: Path):
        Image.new("RGBA", (7, 5), (255, 0, 0, 128)).save(tmp_path / "red.png")
        read = read_media(IMAGE, str(tmp_path / "red.png"))
        assert (read.mode, read.size) == ("RGB", (7, 5))
        assert read.getpixel((0, 0)) == (255, 0, 0)

    def test_a_picture_that_was_held_sideways_stands_upright(self, tmp_path: Path):
        exif = Image.Exif()
        exif[274] = 6
        Image.new("RGB", (8, 4)).save(tmp_path / "turned.jpg", exif=exif)
        assert read_image(tmp_path / "turned.jpg").size == (4, 8)

    def test_what_is_no_picture_is_said(self, tmp_path: Path):
        (tmp_path / "a.png").write_text("hello")
        with pytest.raises(UsageError, match="not a picture"):
            read_image(tmp_path / "a.png")
        with pytest.raises(UsageError, match="not there"):
            read_image(tmp_path / "b.png")

    def test_a_picture_that_breaks_off_is_said(self, tmp_path: Path):
        whole = io.BytesIO()
        Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)).save(whole, "PNG")
        (tmp_path / "half.png").write_bytes(whole.getvalue()[:4000])
        with pytest.raises(UsageError, match="damaged"):
            read_image(tmp_path / "half.png")

    def test_a_small_file_with_a_huge_picture_is_refused(self, tmp_path: Path):
        Image.new("1", (7000, 6000)).save(tmp_path / "huge.png")
        with pytest.raises(UsageError, match="7,000 × 6,000 pixels"):
            read_image(tmp_path / "huge.png")

    def test_a_large_file_is_refused_unread(self, tmp_path: Path):
        with (tmp_path / "large.png").open("wb") as stream:
            stream.truncate(media.LARGEST_FILE + 1)
        with pytest.raises(UsageError, match=r"20\.0 MB"):
            read_image(tmp_path / "large.png")

    def test_the_component_is_labelled_and_asks_for_no_camera(self):
        component = media_component(IMAGE)
        assert component.label == "Picture"
        assert component.sources == ["upload", "clipboard"]
        assert media_component(IMAGE, webcam=True).sources == ["upload", "clipboard", "webcam"]

    def test_the_component_hands_on_broken_files_for_us_to_explain(self, tmp_path: Path):
        from gradio.data_classes import ImageData

        (tmp_path / "a.png").write_text("hello")
        path = media_component(IMAGE).preprocess(ImageData(path=str(tmp_path / "a.png"), orig_name="a.png"))
        assert path == str(tmp_path / "a.png")


class TestSounds:
    def test_a_recording_comes_as_samples_of_one_channel(self, tmp_path: Path):
        two = np.stack([np.full(800, 0.5), np.full(800, -0.25)], axis=1)
        soundfile.write(tmp_path / "two.wav", two, 8000)
        read = read_media(SOUND, str(tmp_path / "two.wav"))
        assert read["sampling_rate"] == 8000
        assert read["array"].shape == (800,)
        assert read["array"].dtype == np.float32
        assert np.allclose(read["array"], 0.125, atol=1e-4)

    def test_nothing_is_none(self):
        assert read_media(SOUND, None) is None
        assert read_media(IMAGE, "") is None

    def test_what_is_no_recording_is_said(self, tmp_path: Path):
        (tmp_path / "a.wav").write_bytes(b"hello" * 100)
        with pytest.raises(UsageError, match="not a recording"):
            read_audio(tmp_path / "a.wav")
        soundfile.write(tmp_path / "none.wav", np.zeros((0,)), 8000)
        with pytest.raises(UsageError, match="empty"):
            read_audio(tmp_path / "none.wav")

    def test_a_long_recording_is_refused_unread(self, tmp_path: Path):
        soundfile.write(tmp_path / "long.wav", np.zeros(301 * 100), 100)
        with pytest.raises(UsageError, match="301 seconds"):
            read_audio(tmp_path / "long.wav")

    def test_without_soundfile_it_says_what_to_install(self, tmp_path: Path):
        code = (
            "import sys; sys.modules['soundfile'] = None\n"
            "from finetune.serving.media import read_audio\n"
            "try:\n    read_audio('a.wav')\n"
            "except Exception as error:\n    print(type(error).__name__, error)\n"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert done.stdout.startswith(MissingExtraError.__name__)
        assert "[audio]" in done.stdout

    def test_the_component_takes_files_and_the_microphone(self):
        component = media_component(SOUND)
        assert component.label == "Recording (optional)"
        assert component.sources == ["upload", "microphone"]
