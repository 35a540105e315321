"""An authorizer of your own: callers name a project in a header, and each account has its projects.

    export PYTHONPATH=examples MATTEGATE_AUTHORIZER_CALLABLE=authorizer:decide
    export MATTEGATE_AUTHORIZER_SOURCES=identity,header:x-project
    .venv/bin/mattegate serve
    .venv/bin/mattegate keys create --name alice --tier free --file alice.key
    curl -H "Authorization: Bearer $(cat alice.key)" -H "X-Project: spring" http://127.0.0.1:8000/v1/whoami

With another project the answer is 403 with ``authorizer.denied`` and the sentence below.
"""

from __future__ import annotations

from mattegate.vocabulary.authorizing import Answer, AuthorizerRequest

PROJECTS = {"alice": {"spring", "autumn"}, "bob": {"autumn"}}


def decide(request: AuthorizerRequest) -> Answer:
    """Whether the account has the project. Remembered for a minute, by account, project and route."""
    project = request.headers.get("x-project", "")
    if project in PROJECTS.get(request.identity_name, ()):
        return Answer(True, context={"project": project}, ttl=60)
    why = f"{request.identity_name} has no project {project}" if project else "the header X-Project names no project"
    return Answer(False, why=why, ttl=60)
