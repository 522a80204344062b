"""What Python prints reaches R in order, and only on the main thread."""

import io
import threading

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


def test_what_a_stream_lacks_is_that_of_the_stream_it_replaced() -> None:
    stream = Stream(lambda text: None, io.StringIO("text"), True)
    assert stream.isatty()
    assert stream.write("four") == 4
    assert stream.readable()
