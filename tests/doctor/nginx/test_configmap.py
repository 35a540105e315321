"""Files inside a Kubernetes ConfigMap: read as files, with the line numbers of the manifest."""

from __future__ import annotations

from mattegate.doctor.nginx.configmap import files_of
from mattegate.doctor.nginx.review.run import review_tree
from mattegate.doctor.nginx.tree import read_text

_HEAD = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: front\ndata:\n"
_SITE = """  default.conf: |
    server {
      listen 80;
      location /v1/ { proxy_pass http://127.0.0.1:8000/; }
    }
"""
_MAIN = """  nginx.conf: |
    events {}
    http {
      include /etc/nginx/conf.d/*.conf;
    }
"""
_REST = "  notes: not for nginx\n---\nkind: Deployment\nspec: {replicas: 2}\n"


def _found(text: str) -> list[tuple[str, list[tuple[str, int]]]]:
    clues = review_tree(read_text(text, "front.yaml")).clues
    return [(clue.cause, [(culprit.file, culprit.line) for culprit in clue.culprit]) for clue in clues]


def test_a_fault_is_told_with_the_line_of_the_manifest() -> None:
    """The line is that of the file that was given, not of the text inside."""
    assert _found(_HEAD + _SITE + _REST) == [("proxy_pass.prefix_stripped", [("front.yaml", 9)])]


def test_includes_find_the_other_files() -> None:
    """A main configuration brings the others in, by the last part of their path, in whatever order they stand."""
    assert _found(_HEAD + _MAIN + _SITE + _REST) == [("proxy_pass.prefix_stripped", [("front.yaml", 14)])]
    assert _found(_HEAD + _SITE + _MAIN + _REST) == [("proxy_pass.prefix_stripped", [("front.yaml", 9)])]


def test_what_is_no_manifest_is_left_alone() -> None:
    """Without the kind nothing is taken for one, nor a value without a configuration for a file."""
    assert files_of(_SITE) == {}
    assert [*files_of(_HEAD + _SITE + "  page.html: |\n    <p>hello</p>\n")] == ["default.conf"]
