"""TensorBoard's event files, written at once and by the thread that logs.

TensorBoard's own writer gives each file a thread, which works out checksums in Python: with the
runs of a stack, dozens of threads wait for each other and for the training. A checksum by a
compiled library takes a thousandth of that, and then a thread is of no use.
"""

import struct
from pathlib import Path
from typing import Any

from google_crc32c import value as crc32c
from torch.utils.tensorboard import SummaryWriter


class EventFile:
    """Appends events to a file, each a record as TensorFlow defines it (TFRecord).

    Args:
        path: the file, which has its first record already.
    """

    def __init__(self, path: str) -> None:
        self._path = Path(path)
        self._file = self._path.open("ab", buffering=0)  # what is written stays, whatever comes

    def get_logdir(self) -> str:
        """The file's directory."""
        return str(self._path.parent)

    def add_event(self, event: Any) -> None:
        """Append TensorBoard's ``Event``.

        Raises:
            OSError: if there is no room.
        """
        content = event.SerializeToString()
        length = struct.pack("<Q", len(content))
        record = b"".join((length, _masked(length), content, _masked(content)))
        while record:
            record = record[self._file.write(record) :]

    def flush(self) -> None:
        """Nothing to do: all is written."""

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class EventWriter(SummaryWriter):
    """PyTorch's writer, with an :class:`EventFile` for a thread; its arguments are the same."""

    def _get_file_writer(self) -> Any:
        # By this call every add_… opens a file if there is none, and no public one hears of it.
        writer: Any = super()._get_file_writer()  # type: ignore[no-untyped-call]
        own = writer.event_writer
        if not isinstance(own, EventFile) and "://" not in writer.get_logdir():
            own.close()
            writer.event_writer = EventFile(own._file_name)
        return writer


def _masked(content: bytes) -> bytes:
    """The CRC-32C of some bytes, rotated and shifted as TFRecord wants it."""
    crc = crc32c(content)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)
