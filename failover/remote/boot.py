"""The first words on a host: takes the other programs from standard input, keeps them in memory, and starts one.

Given to ``python3 -I -c``. Standard input begins with a length (8 digits) and that much JSON: ``start``, the module
whose ``main`` goes on with what follows on standard input, and ``sources``, compressed JSON of module name -> text.
"""

import base64
import importlib
import json
import os
import sys
import zlib
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_loader
from types import ModuleType


def _exactly(size: int) -> bytes:
    """That many bytes of standard input, and not one more: the rest is for the program."""
    data = b""
    while len(data) < size:
        more = os.read(0, size - len(data))
        if not more:
            sys.exit(3)
        data += more
    return data


class Shipped(MetaPathFinder, Loader):
    """Finds modules among the texts that came over the line."""

    def __init__(self, sources: dict[str, str]) -> None:
        self._sources = sources

    def find_spec(
        self, fullname: str, _path: Sequence[str] | None = None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """One of ours, or none of our business."""
        if fullname not in self._sources:
            return None
        package = any(name.startswith(fullname + ".") for name in self._sources)
        return spec_from_loader(fullname, self, origin="<shipped>", is_package=package)

    def exec_module(self, module: ModuleType) -> None:
        """Run the module's text."""
        exec(compile(self._sources[module.__name__], module.__name__, "exec"), module.__dict__)  # noqa: S102 -- its purpose


if __name__ == "__main__":
    shipped = json.loads(_exactly(int(_exactly(8))))
    texts = json.loads(zlib.decompress(base64.b64decode(shipped["sources"])))
    sys.meta_path.insert(0, Shipped(texts))
    importlib.import_module(shipped["start"]).main()
