"""How a process gives up root: tried in children, as nobody takes it back."""

import os
import pwd
import tempfile
from pathlib import Path

import pytest

from segmentation.errors import SettingsError
from serving import privileges
from support.deep_folders import LEVELS, deep_in

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="nobody else can give it up")


@pytest.fixture
def nobody():
    return privileges.account("nobody")


def in_child(function):
    """What a function returns, as text, in a child."""
    receiving, sending = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(sending, repr(function()).encode())
        finally:
            os._exit(0)
    os.close(sending)
    with open(receiving) as told:
        text = told.read()
    os.waitpid(child, 0)
    return text


def test_an_account_has_a_name_or_a_number(nobody):
    assert nobody.user == pwd.getpwnam("nobody").pw_uid
    assert privileges.account(str(nobody.user)) == nobody
    assert privileges.account("54321") == privileges.Account("54321", 54321, 54321)
    with pytest.raises(SettingsError, match="UNET_USER is 'no-such-user'; it must be a user"):
        privileges.account("no-such-user")


@pytest.fixture
def public():
    """A folder that others can get at, which those of pytest are not."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@as_root
def test_what_is_for_root_alone_is_an_obstacle(public, nobody):
    folder = public / "model"
    folder.mkdir(mode=0o755)
    file = folder / "model.onnx"
    file.touch(mode=0o644)
    (folder / ".hidden").touch(mode=0o600)
    assert privileges.obstacle(nobody, [folder], []) is None
    assert f"{folder} can be written to by root alone" == privileges.obstacle(nobody, [], [folder])
    file.chmod(0o600)
    assert f"{file} can be read by root alone" == privileges.obstacle(nobody, [folder], [])


@as_root
def test_root_is_given_up_for_good(tmp_path, nobody):
    file = tmp_path / "file"
    file.touch(mode=0o600)

    def become():
        privileges.become(nobody)
        return os.getresuid(), os.getgroups(), os.access(file, os.R_OK)

    ids = (nobody.user,) * 3
    assert in_child(become) == repr((ids, [nobody.group], False))


@as_root
def test_the_capability_to_read_is_kept_and_dropped(tmp_path, nobody):
    file = tmp_path / "file"
    file.write_text("content")
    file.chmod(0o600)

    def become():
        privileges.become(nobody, to_read_all=True)
        kept = privileges.keeps_capability(), file.read_text(), privileges.unreadable(file)
        privileges.drop_capabilities()
        try:
            return kept, privileges.keeps_capability(), file.read_text()
        except PermissionError:
            return kept, privileges.keeps_capability()

    assert in_child(become) == repr(((True, "content", file), False))
    assert not privileges.keeps_capability()


@as_root
def test_a_folder_is_handed_over(tmp_path, nobody):
    cache, shared = tmp_path / "new" / "cache", tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    privileges.hand_over(cache, nobody)
    privileges.hand_over(shared, nobody)
    (cache / "graph").mkdir()
    privileges.hand_over(cache, nobody)
    assert [path.stat().st_uid for path in (cache, shared)] == [nobody.user, 0]


def test_deep_folders_are_looked_through_as_far_as_paths_go(tmp_path):
    with deep_in(tmp_path):
        assert sum(1 for _ in privileges.all_in(tmp_path)) == LEVELS + 1
