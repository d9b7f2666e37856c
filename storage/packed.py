"""Rows as they are held while a segment is worked on: packed, for a segment may be a whole film.

A face as a tuple of integers takes some 800 bytes, packed 60: a meeting of four hours with ten faces 260 MB instead of 3.5 GB.
"""

from abc import abstractmethod
from array import array
from collections.abc import Iterable, Iterator, Sequence
from operator import eq
from typing import Any, Generic, TypeVar, overload

from storage.records import FaceRow, FrameRow

Row = TypeVar("Row", FrameRow, FaceRow)
Values = tuple[int, ...]

NOT_MEASURED = -1
"""Stands for a quality that is None."""


class Packed(Sequence[Row], Generic[Row]):
    """Rows, one after another in one array; equal to any sequence of equal rows."""

    typecode: str
    width: int  #: of a row, in values

    def __init__(self, values: "array[int] | None" = None) -> None:
        """Take an array over, or begin an empty one.

        Raises ValueError if it does not hold whole rows, TypeError if it holds other numbers.
        """
        self.values: array[int] = array(self.typecode) if values is None else values
        if self.values.typecode != self.typecode:
            raise TypeError(f"expected values {self.typecode!r}, got {self.values.typecode!r}")
        if len(self.values) % self.width:
            raise ValueError(f"{len(self.values)} values do not make rows of {self.width}")

    @staticmethod
    @abstractmethod
    def _pack(row: Row) -> Sequence[int]: ...

    @staticmethod
    @abstractmethod
    def _unpack(values: Values) -> Row: ...

    def extend(self, rows: Iterable[Row]) -> None:
        """Add rows at the end."""
        for row in rows:
            self.values.extend(self._pack(row))

    def __len__(self) -> int:
        return len(self.values) // self.width

    @overload
    def __getitem__(self, index: int) -> Row: ...
    @overload
    def __getitem__(self, index: slice) -> list[Row]: ...
    def __getitem__(self, index: int | slice) -> Row | list[Row]:
        if isinstance(index, slice):
            return [self._at(one) for one in range(len(self))[index]]
        return self._at(range(len(self))[index])

    def __iter__(self) -> Iterator[Row]:
        return map(self._at, range(len(self)))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence):
            return NotImplemented
        return len(self) == len(other) and all(map(eq, self, other))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({list(self)!r})"

    def _at(self, index: int) -> Row:
        return self._unpack(tuple(self.values[index * self.width : (index + 1) * self.width]))


class PackedFrames(Packed[FrameRow]):
    """Rows of frames; 64 bits each value, for microseconds."""

    typecode, width = "q", len(FrameRow._fields)

    @staticmethod
    def _pack(row: FrameRow) -> Sequence[int]:
        return row

    @staticmethod
    def _unpack(values: Values) -> FrameRow:
        return FrameRow(*values)


class PackedFaces(Packed[FaceRow]):
    """Rows of faces; 32 bits each value."""

    typecode, width = "i", len(FaceRow._fields)

    @staticmethod
    def _pack(row: FaceRow) -> Sequence[int]:
        measured: tuple[Any, ...] = row
        if row.quality is None:
            measured = row._replace(quality=NOT_MEASURED)
        return measured

    @staticmethod
    def _unpack(values: Values) -> FaceRow:
        row = FaceRow(*values)
        return row._replace(quality=None) if row.quality == NOT_MEASURED else row
