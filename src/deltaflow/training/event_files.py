"""TensorBoard's event files, written immediately and by the thread that logs.

TensorBoard's own writer starts a thread for each file, which computes checksums in Python: with
the runs of a stack, dozens of threads wait for each other and for the training. A compiled library
computes a checksum in a thousandth of that time, so no thread is needed.
"""

import struct
from pathlib import Path
from typing import Any

from google_crc32c import value as crc32c
from torch.utils.tensorboard import SummaryWriter


class EventFile:
    """Appends events to a file, each as a TFRecord of TensorFlow.

    Args:
        path: an event file that already holds its first record.
    """

    def __init__(self, path: str) -> None:
        self._path = Path(path)
        self._file = self._path.open("ab", buffering=0)  # a crash loses no event

    def get_logdir(self) -> str:
        """The file's directory."""
        return str(self._path.parent)

    def add_event(self, event: Any) -> None:
        """Append TensorBoard's ``Event``.

        Raises:
            OSError: if the disk is full.
        """
        content = event.SerializeToString()
        length = struct.pack("<Q", len(content))
        record = b"".join((length, _masked(length), content, _masked(content)))
        while record:
            record = record[self._file.write(record) :]

    def flush(self) -> None:
        """Do nothing: every event has been written."""

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class EventWriter(SummaryWriter):
    """PyTorch's writer, but it uses an :class:`EventFile`, not a thread; same arguments."""

    def _get_file_writer(self) -> Any:
        # Every add_… method opens the file by this call; there is no public method for that.
        writer: Any = super()._get_file_writer()  # type: ignore[no-untyped-call]
        own = writer.event_writer
        if not isinstance(own, EventFile) and "://" not in writer.get_logdir():
            own.close()
            writer.event_writer = EventFile(own._file_name)
        return writer


def _masked(content: bytes) -> bytes:
    """The masked CRC-32C of ``content``, as TFRecord defines it."""
    crc = crc32c(content)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)
