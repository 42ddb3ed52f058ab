from pathlib import Path

import pytest

from comparators.errors import CorruptionError
from proxy.capture.authority import FILE, Authority, read_authority, write_authority


def test_mongodb_has_the_last_word_until_something_else_is_written(tmp_path: Path) -> None:
    before = read_authority(tmp_path)
    crossed = Authority(is_gateway=True, since_ns=5, hello={"setName": "rs0", "setVersion": 3})
    write_authority(tmp_path, crossed)

    assert not before.is_gateway
    assert read_authority(tmp_path) == crossed


@pytest.mark.parametrize("content", ["", "{", "[]", '{"is_gateway": true}'])
def test_what_cannot_be_read_is_not_guessed(tmp_path: Path, content: str) -> None:
    (tmp_path / FILE).write_text(content)

    with pytest.raises(CorruptionError, match="last word"):
        read_authority(tmp_path)
