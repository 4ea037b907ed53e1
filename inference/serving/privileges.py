"""Giving up root: what the server may do is what it needs.

SageMaker starts containers as root, and a server does not need that. Where ``UNET_USER`` names a
user, as the image does, a server that was started as root becomes that user before it starts
anything; unless its model can be read by root alone. Models of a multi-model endpoint are not known
then: the server keeps one capability, to read them all the same, which each worker drops whose
model can be read without.
"""

import contextlib
import ctypes
import os
import pwd
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from segmentation.errors import SettingsError
from serving import temporary
from serving.settings import Settings

# linux/prctl.h
PR_SET_DUMPABLE, PR_SET_KEEPCAPS, PR_SET_NO_NEW_PRIVS, PR_CAP_AMBIENT = 4, 8, 38, 47
PR_CAP_AMBIENT_RAISE = 2
# linux/capability.h: to read any file, and to read and write any; engines grant only the second
CAP_DAC_READ_SEARCH, CAP_DAC_OVERRIDE = 2, 1
CAPABILITY_VERSION = 0x20080522


@dataclass(frozen=True)
class Account:
    """Who the server is to be.

    Attributes:
        name: of the user, or the number where it has no name.
        user: its number.
        group: the number of its group.
    """

    name: str
    user: int
    group: int


def account(name: str) -> Account:
    """The account that ``UNET_USER`` names, by a name or a number.

    Raises:
        SettingsError: there is no such user.
    """
    try:
        found = pwd.getpwuid(int(name)) if name.isdecimal() else pwd.getpwnam(name)
        return Account(found.pw_name, found.pw_uid, found.pw_gid)
    except KeyError as exc:
        if name.isdecimal():
            return Account(name, int(name), int(name))
        raise SettingsError(
            f"UNET_USER is {name!r}; it must be a user of this system, or the number of one"
        ) from exc


def give_up(settings: Settings, inference: Path, model_dir: Path | None) -> None:
    """Become the user that the settings name, where this process is of root and need not be; and
    gain no rights from now on.

    Args:
        inference: the folder of ``handler_service.py``.
        model_dir: the folder of the model; None: models come later.

    Raises:
        SettingsError: there is no such user.
    """
    if os.geteuid() == 0 and settings.user:
        _become(account(settings.user), settings.cache_dir, inference, model_dir)
    # no program that this process or its children start has more rights than they
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    # what the environment tells, children need not find: they get their part of it
    prctl(PR_SET_DUMPABLE, 0)


def _become(who: Account, cache_dir: str | None, inference: Path, model_dir: Path | None) -> None:
    if who.user == 0:
        return
    if cache_dir:
        hand_over(Path(cache_dir), who)
    readable = [Path(sys.executable), inference, *([model_dir] if model_dir else [])]
    reason = obstacle(who, readable, [temporary.place()])
    if reason:
        print(f"The server stays root, and does not become {who.name}: {reason}", flush=True)
        return
    become(who, to_read_all=model_dir is None)
    print(f"The server gives up root: its processes run as {who.name}", flush=True)


def obstacle(who: Account, readable: Iterable[Path], writable: Iterable[Path]) -> str | None:
    """Why this process, of root, cannot do its work as somebody else; None: it can.

    Args:
        who: whom it would be.
        readable: files, and folders with all that lies in them.
        writable: folders.
    """
    wanted = [(path, os.R_OK) for folder in readable for path in all_in(folder)]
    wanted += [(folder, os.W_OK) for folder in writable]
    receiving, sending = os.pipe()
    child = os.fork()  # only whoever has become the other one knows
    if child == 0:
        try:
            os.write(sending, _try(who, wanted).encode(errors="replace"))
        finally:
            os._exit(0)
    os.close(sending)
    with open(receiving, encoding="utf-8", errors="replace") as told:
        reason = told.read()
    os.waitpid(child, 0)
    return None if reason == _FINE else reason or "it could not be tried"


def become(who: Account, *, to_read_all: bool = False) -> None:
    """Become somebody else for good.

    Args:
        to_read_all: whether to keep the capability to read files of others, for children, too.

    Raises:
        OSError: this process may not.
    """
    prctl(PR_SET_KEEPCAPS, int(to_read_all))
    os.setgroups([who.group])
    os.setresgid(who.group, who.group, who.group)
    os.setresuid(who.user, who.user, who.user)
    if to_read_all and not any(map(_keep, (CAP_DAC_READ_SEARCH, CAP_DAC_OVERRIDE))):
        drop_capabilities()


def hand_over(folder: Path, who: Account) -> None:
    """Make a folder of root, and all in it, somebody else's; make it where there is none.

    Leaves it alone where others than root may have put something into it.
    """
    with contextlib.suppress(OSError):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = folder.stat()
        if status.st_uid == 0 and not status.st_mode & 0o022:
            for path in all_in(folder):
                os.chown(path, who.user, who.group, follow_symlinks=False)


def all_in(folder: Path) -> Iterator[Path]:
    """A folder, and all in it that this process finds, but what is hidden; or a file."""
    yield folder
    waiting = [folder]
    while waiting:  # os.walk would call itself for each folder in a folder
        with contextlib.suppress(OSError):
            for path in waiting.pop().iterdir():
                if path.name.startswith("."):
                    continue
                yield path
                if path.is_dir() and not path.is_symlink():
                    waiting.append(path)


def keeps_capability() -> bool:
    """Whether programs that this process starts have a capability of it."""
    ambient = "CapAmb:"
    with open("/proc/self/status") as file:
        return any(int(line[len(ambient) :], 16) for line in file if line.startswith(ambient))


def unreadable(folder: Path) -> Path | None:
    """Something in a folder that this process could not read without its capabilities.

    The kernel answers ``access`` for a user without them.
    """
    return next((path for path in all_in(folder) if not os.access(path, os.R_OK)), None)


def drop_capabilities() -> None:
    """Have none from now on, nor any program that this process becomes or starts."""
    _set_capabilities(0)


def prctl(option: int, value: int, more: int = 0) -> None:
    """Call prctl(2).

    Raises:
        OSError: the kernel refuses.
    """
    if ctypes.CDLL(None, use_errno=True).prctl(option, value, more, 0, 0):
        raise OSError(ctypes.get_errno(), f"prctl({option})")


_FINE = "fine"


def _try(who: Account, wanted: Iterable[tuple[Path, int]]) -> str:
    try:
        become(who)
    except OSError as exc:
        return f"it may not become {who.name}: {exc.strerror}"
    for path, mode in wanted:
        if not os.access(path, mode | (os.X_OK if path.is_dir() else 0)):
            return f"{path} can be {'read' if mode == os.R_OK else 'written to'} by root alone"
    return _FINE


def _keep(capability: int) -> bool:
    """Keep one capability of those permitted, and give it to children."""
    try:
        _set_capabilities(1 << capability)
        prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability)
    except OSError:
        return False
    return True


def _set_capabilities(mask: int) -> None:
    """Permit these of the lower 32, now and to children, and no others: capset(2).

    Raises:
        OSError: this process does not have them.
    """
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION, 0)
    sets = (ctypes.c_uint32 * 6)(mask, mask, mask, 0, 0, 0)  # effective, permitted, inheritable
    if ctypes.CDLL(None, use_errno=True).capset(header, sets):
        raise OSError(ctypes.get_errno(), "capset")
