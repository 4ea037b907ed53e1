"""Mends a virtual environment that was moved: its commands name the Python of the old place.

Usage: python moved.py VENV. Needs the standard library only, and does nothing where all is well.
"""

import re
import sys
from pathlib import Path

LONGEST = 127  # bytes of a first line that Linux reads
# what pip writes: the path, or, where that is too long or has a blank, a line for the shell
PLAIN = re.compile(rb"#!(?P<python>/[^\n]*/bin/python[\d.]*)\n")
SHELL = re.compile(
    rb"#!/bin/sh\n'''exec' \"?(?P<python>/[^\n\"]*/bin/python[\d.]*)\"? \"\$0\" \"\$@\"\n' '''\n"
)


def mend(venv: Path) -> int:
    """Make the commands of an environment run by its own Python; how many had to be changed.

    Args:
        venv: the folder of the environment, as an absolute path.
    """
    changed = 0
    for file in sorted((venv / "bin").iterdir()):
        if file.is_symlink() or not file.is_file():
            continue
        text = file.read_bytes()
        head = PLAIN.match(text) or SHELL.match(text)
        if head:
            name = Path(head["python"].decode()).name
            new = first_lines(venv / "bin" / name) + text[head.end() :]
            if new != text:
                file.write_bytes(new)
                changed += 1
    return changed


def first_lines(python: Path) -> bytes:
    """What a command begins with that is run by a Python."""
    plain = b"#!%s\n" % bytes(python)
    if b" " not in plain and len(plain) <= LONGEST:
        return plain
    return b"#!/bin/sh\n'''exec' \"%s\" \"$0\" \"$@\"\n' '''\n" % bytes(python)


if __name__ == "__main__":
    mend(Path(sys.argv[1]))
