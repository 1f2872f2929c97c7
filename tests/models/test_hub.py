"""Models from the hub: a hub that answers, one that does not, and folders of timm's form."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import huggingface_hub
import pytest
import timm
from safetensors.torch import save_file

from afdcli.errors import BackboneError
from afdcli.models import hub
from afdcli.models.loader import load_backbone


class Answers(BaseHTTPRequestHandler):
    """Answers every request with `status`, and with the hub's own error code."""

    status = 404
    code = ""

    def do_HEAD(self) -> None:
        self.send_response(self.status)
        if self.code:
            self.send_header("X-Error-Code", self.code)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_HEAD  # noqa: N815

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Answers]]:
    """A hub on this machine; the class of its answers."""

    class Handler(Answers):
        pass

    for name in ("https_proxy", "all_proxy", "http_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{listening.server_port}"
        constants = huggingface_hub.constants
        template = address + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "ENDPOINT", address)
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        yield Handler
        listening.shutdown()


ANSWERS = [
    (404, "RepoNotFound", "answers with HTTP status 404 for nobody/nothing: check the name"),
    (404, "RevisionNotFound", "and the part after @"),
    (404, "EntryNotFound", "is not a timm model"),
    (401, "", "if it is private or gated"),
    (403, "GatedRepo", "ask for access on"),
    (418, "", "answers with HTTP status 418"),
    (200, "", "does not answer like a Hugging Face hub"),
]


@pytest.mark.parametrize(("status", "code", "message"), ANSWERS)
def test_what_the_hub_answers_is_said(
    server: type[Answers], status: int, code: str, message: str
) -> None:
    server.status, server.code = status, code
    with pytest.raises(BackboneError) as caught:
        load_backbone("hf-hub:nobody/nothing")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "cannot be reached" not in str(caught.value)


def test_a_hub_that_cannot_be_reached_has_another_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "_reachable", lambda: False)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(BackboneError, match="the hub cannot be reached"):
        load_backbone("hf-hub:nobody/nothing")


def test_a_failed_call_does_not_leave_the_process_offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(hub, "_reachable", lambda: False)
    monkeypatch.setattr(hub, "is_cached", lambda name: True)
    seen: list[bool] = []

    def fail(*_: object, **__: object) -> None:
        seen.append(huggingface_hub.constants.HF_HUB_OFFLINE)
        raise OSError("no such file")

    monkeypatch.setattr(hub.timm, "create_model", fail)
    with pytest.raises(BackboneError):
        load_backbone("resnet10t.c3_in1k")
    assert seen == [True]
    assert not huggingface_hub.constants.HF_HUB_OFFLINE


def test_a_folder_of_timm_s_form_brings_its_names(tmp_path: Path) -> None:
    net = timm.create_model("resnet10t", num_classes=3)
    save_file(net.state_dict(), tmp_path / "model.safetensors")
    config = {
        "architecture": "resnet10t",
        "num_classes": 3,
        "label_names": ["ant", "bee", "cat"],
        "pretrained_cfg": {
            "input_size": [3, 64, 64],
            "num_classes": 3,
            "classifier": "fc",
            "first_conv": "conv1.0",
        },
    }
    (tmp_path / "config.json").write_text(json.dumps(config))
    backbone = load_backbone(f"local-dir:{tmp_path}")
    assert backbone.class_names == ("ant", "bee", "cat")
    assert backbone.spec.height == 64
    with pytest.raises(BackboneError, match="use local-dir:"):
        load_backbone(str(tmp_path))
    (tmp_path / "config.json").write_text('{"architectures": ["ViT"]}')
    with pytest.raises(BackboneError, match="timm cannot build"):
        load_backbone(f"local-dir:{tmp_path}")
