"""Settings, flow files and campaigns: read word by word, every mistake named."""

from __future__ import annotations

import json
import stat
import sys
from pathlib import Path
from typing import Any

import pytest

from halodesk.engine.errors import DocumentError, SettingsError
from halodesk.engine.flow import MAX_BYTES, Flow, from_builtins
from halodesk.runtime.agent_settings import interface_of
from halodesk.runtime.campaigns import flow_for
from halodesk.runtime.flow_files import load_all, load_file
from halodesk.runtime.settings import Ami, Gateway, Settings, SipAccount, load, save
from tests.fakes.order import FLOWS, SAMPLE, sample, small
from tests.fakes.phone import ringing

FULL = Settings(
    agent="Ann",
    account=SipAccount(uri="sip:1001@example.com", registrar="sip:example.com", password="secret"),
    flows=("flows",),
    gateways=(Gateway(provider="sandbox", url="http://127.0.0.1:8600", api_key="key"),),
    ami=Ami(host="pbx.example.com", username="seat", secret="secret"),
)


def test_settings_are_saved_for_this_person_only_and_read_back(tmp_path: Path) -> None:
    file = tmp_path / "seat" / "settings.json"
    save(file, FULL)
    assert load(file) == FULL
    if sys.platform != "win32":
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    save(file, Settings())
    assert load(file) == Settings()


def test_saving_never_leaves_half_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "settings.json"
    save(file, FULL)

    def crash(path: Path, target: Path) -> Path:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", crash)
    with pytest.raises(KeyboardInterrupt):
        save(file, Settings())
    assert load(file) == FULL


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX modes")
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o622])
def test_passwords_that_others_can_read_are_refused(tmp_path: Path, mode: int) -> None:
    file = tmp_path / "settings.json"
    save(file, FULL)
    file.chmod(mode)
    with pytest.raises(SettingsError, match="can be read by others") as caught:
        load(file)
    assert "chmod 600" in caught.value.todo
    save(file, Settings(agent="Ann"))
    file.chmod(mode)
    assert load(file).agent == "Ann"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"agnet": "Ann"}', "agnet"),
        ('{"agent": 7}', "$.agent"),
        ('{"gateways": [{"url": "x"}]}', "provider"),
        ('{"ami": {"host": "x", "port": "5038"}}', "$.ami.port"),
        ("{", "not JSON"),
        ("", "not JSON"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "settings.json"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        load(file)
    assert said in caught.value.message
    assert caught.value.todo


def test_bytes_that_are_no_text_and_files_that_are_not_there(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(b'{"agent": "\xff"}')
    for name in ("a.json", "gone.json", "."):
        with pytest.raises(SettingsError) as caught:
            load(tmp_path / name)
        assert caught.value.todo


# flow files


def test_files_and_folders_of_flows(tmp_path: Path) -> None:
    assert load_file(SAMPLE) == sample()
    assert sample() in load_all([str(FLOWS)])
    assert load_all([str(SAMPLE), str(SAMPLE)]) == [sample(), sample()]
    assert load_all([]) == []
    assert load_all([str(tmp_path)]) == []


@pytest.mark.parametrize("name", ["gone.flow.json", "."])
def test_a_flow_file_that_cannot_be_read(tmp_path: Path, name: str) -> None:
    with pytest.raises(SettingsError, match="cannot be read") as caught:
        load_file(tmp_path / name)
    assert caught.value.todo


def test_a_flow_file_that_is_too_large_is_not_even_read(tmp_path: Path) -> None:
    file = tmp_path / "large.flow.json"
    with file.open("wb") as out:
        out.truncate(MAX_BYTES + 1)
    with pytest.raises(DocumentError, match="at most 8 MB"):
        load_file(file)


def test_a_broken_flow_among_many_is_named_by_its_file(tmp_path: Path) -> None:
    (tmp_path / "a.flow.json").write_bytes(SAMPLE.read_bytes())
    (tmp_path / "b.flow.json").write_text('{"key": 1}', encoding="utf-8")
    with pytest.raises(SettingsError, match=r"b\.flow\.json cannot be used: /key") as caught:
        load_all([str(tmp_path)])
    assert caught.value.todo


# which flow a call starts


def flow(key: str, **config: Any) -> Flow:
    return from_builtins(
        {
            "key": key,
            "name": key,
            "start": "s",
            "steps": [{"key": "s", "type": "start", "config": config, "fallback": "s"}],
        }
    )


def test_a_call_finds_its_flow_by_number_or_queue() -> None:
    orders, service = flow("orders", did_patterns=[r"(\+?1)?8005550142"]), flow("service", queues=["support"])
    both = [orders, service]
    assert flow_for(ringing(called="18005550142"), both) is orders
    assert flow_for(ringing(called="+18005550142"), both) is orders
    assert flow_for(ringing(called="280055501429"), both) is None
    assert flow_for(ringing(called="9", headers={"x-queue": "support"}), both) is service
    assert flow_for(ringing(called="9"), both) is None
    assert flow_for(ringing(called="9"), [service]) is service, "a lone flow takes every call"
    assert flow_for(ringing(), []) is None


def test_a_flow_that_is_set_up_wrong_never_stops_a_call() -> None:
    wrong = flow("wrong", did_patterns=["("])
    worse = flow("worse", did_patterns="1001")
    odd = from_builtins({"key": "odd", "name": "odd", "start": "nowhere"})
    plain = small()
    assert flow_for(ringing(called="1001"), [wrong, worse, odd, plain]) is None
    assert flow_for(ringing(called="\ud800"), [wrong, flow("right", did_patterns=[".*"])]) is None


def test_the_sample_takes_the_calls_of_the_lab() -> None:
    for called in ("1001", "7700", "8005550142"):
        assert flow_for(ringing(called=called), [sample(), small()]) == sample()


def test_settings_are_json_a_person_can_read(tmp_path: Path) -> None:
    file = tmp_path / "settings.json"
    save(file, FULL)
    assert json.loads(file.read_text(encoding="utf-8"))["agent"] == "Ann"
    assert file.read_text(encoding="utf-8").count("\n") > 10


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"queues": {"control": "ami", "names": ["support"]}}, "needs `ami` and `names`"),
        ({"queues": {"control": "ami", "ami": {"host": "pbx"}}}, "needs `ami` and `names`"),
        ({"queues": {"control": "codes"}}, "needs `codes`"),
        ({"queues": {"control": "smoke"}}, "queues"),
        ({"directory": {"lamps": "("}}, "`lamps` of `directory` is no pattern"),
        ({"agent_state": {"wrap_up_s": -1}}, "wrap_up_s"),
        ({"agent_state": {"lunch": True}}, "lunch"),
    ],
)
def test_an_agents_day_that_cannot_be_is_refused(tmp_path: Path, more: dict[str, Any], words: str) -> None:
    file = tmp_path / "settings.json"
    file.write_text(json.dumps(more), encoding="utf-8")
    with pytest.raises(SettingsError) as found:
        load(file)
    assert words in str(found.value)


def test_the_secret_of_the_queues_is_nobody_elses(tmp_path: Path) -> None:
    file = tmp_path / "settings.json"
    ami = {"host": "pbx", "username": "desk", "secret": "hush"}
    file.write_text(json.dumps({"queues": {"control": "ami", "names": ["a"], "ami": ami}}), encoding="utf-8")
    file.chmod(0o644)
    with pytest.raises(SettingsError, match="can be read by others"):
        load(file)
    file.chmod(0o600)
    found = load(file)
    assert found.queues is not None
    assert interface_of(found.queues, "sip:1001@pbx") == "PJSIP/1001"
