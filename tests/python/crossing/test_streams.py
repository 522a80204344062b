"""What Python prints reaches R in order, and only on the main thread."""

import io
import threading

import pytest

from kerasbridge.crossing.streams import Stream


def test_a_write_of_another_thread_waits_for_the_main_thread_and_keeps_its_place() -> None:
    written: list[tuple[str, str]] = []
    stream = Stream(
        lambda text: written.append((threading.current_thread().name, text)), io.StringIO(), False
    )
    stream.write("a")
    other = threading.Thread(target=lambda: stream.write("b"))
    other.start()
    other.join()
    stream.write("c")
    assert {name for name, _ in written} == {threading.main_thread().name}
    assert "".join(text for _, text in written) == "abc"


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        (["plain ", "text\n"], "plain text\n"),
        (
            ["Epoch 1\n", "\b\b\r\x1b[1m1/2\x1b[0m a", "\b\b\b\r\x1b[1m2/2\x1b[0m b  \n"],
            "Epoch 1\n2/2 b\n",
        ),
        (["\rhalf", "\rwhole", " and more\n"], "whole and more\n"),
        (["windows\r\n", "next\n"], "windows\nnext\n"),
        (["\x1b[31mred\x1b[0m"], "red"),
        (["100%\r", "\n"], "100%\n"),
    ],
)
def test_outside_a_terminal_a_line_is_shown_as_it_was_last(written: list[str], shown: str) -> None:
    for tty in (True, False):
        got: list[str] = []
        stream = Stream(got.append, io.StringIO(), tty)
        for text in written:
            stream.write(text)
        assert "".join(got) == ("".join(written) if tty else shown)


def test_what_a_stream_lacks_is_that_of_the_stream_it_replaced() -> None:
    stream = Stream(lambda text: None, io.StringIO("text"), True)
    assert stream.isatty()
    assert stream.write("four") == 4
    assert stream.readable()
