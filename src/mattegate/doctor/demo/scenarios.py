"""The faulty configurations, as data: what somebody meant, what they wrote, and who notices.

``@PORT@``, ``@GATE@`` and ``@PASSWORDS@`` stand for what is known when a story begins.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

HOST: Final = "cutouts.example.com"
WHOAMI: Final = "/v1/whoami"
REMOVE: Final = "/v1/remove-bg"


@dataclass(frozen=True, slots=True)
class Scenario:
    """One fault, and the request that meets it."""

    name: str
    title: str
    """The symptom, as somebody would tell it."""
    meant: str
    """How it came about."""
    inside: str
    """What stands in the ``server`` block, below its name."""
    method: str = "GET"
    path: str = WHOAMI
    upload: str = ""
    """The file that is sent; empty for none."""
    page: str = ""
    """The origin of the page whose script calls; empty where no page of another origin is concerned."""

    def site(self, fillings: Mapping[str, str]) -> str:
        """The text of the site's file."""
        text = _SERVER.replace("@INSIDE@", self.inside.strip("\n"))
        for name, value in fillings.items():
            text = text.replace(f"@{name}@", value)
        return text


_SERVER: Final = f"""\
server {{
    listen 127.0.0.1:@PORT@;
    server_name {HOST};

@INSIDE@
}}
"""

SCENARIOS: Final = (
    Scenario(
        name="deny",
        title="403 for everybody who calls from this machine",
        meant="The API was to be open to private networks only, and loopback was forgotten.",
        inside="""
    location /v1/ {
        allow 10.0.0.0/8;
        allow 172.16.0.0/12;
        allow 192.168.0.0/16;
        deny all;
        proxy_pass http://@GATE@;
    }
""",
    ),
    Scenario(
        name="password",
        title="401 although the API key is right",
        meant="The whole staging site got a password, the API with it. One request cannot carry both credentials.",
        inside="""
    auth_basic "staging";
    auth_basic_user_file @PASSWORDS@;

    location /v1/ {
        proxy_pass http://@GATE@;
    }
""",
    ),
    Scenario(
        name="authorization",
        title="The application says that there is no API key, and there is one",
        meant="A proxy_set_header line was to protect the backend from passwords, and takes the API key as well.",
        inside="""
    location /v1/ {
        proxy_set_header Host $host;
        proxy_set_header Authorization "";
        proxy_pass http://@GATE@;
    }
""",
    ),
    Scenario(
        name="body",
        title="413 for an upload that the application would have explained",
        meant="Nobody set client_max_body_size, so nginx takes 1 MB. What is really wrong with the file stays unsaid.",
        inside="""
    location /v1/ {
        proxy_pass http://@GATE@;
    }
""",
        method="POST",
        path=REMOVE,
        upload="photo.bmp",
    ),
    Scenario(
        name="cors",
        title="curl gets 200, the page gets 'Failed to fetch'",
        meant="The well-known block for OPTIONS was copied in. It answers the preflight, and only the preflight.",
        inside="""
    location /v1/ {
        if ($request_method = 'OPTIONS') {
            add_header Access-Control-Allow-Origin "*";
            add_header Access-Control-Allow-Methods "GET, POST, OPTIONS";
            add_header Access-Control-Allow-Headers "Content-Type,Authorization";
            add_header Access-Control-Max-Age 1728000;
            return 204;
        }
        proxy_set_header Origin "";
        proxy_pass http://@GATE@;
    }
""",
        page="https://app.example.com",
    ),
    Scenario(
        name="prefix",
        title="404 for a path that exists",
        meant="proxy_pass was given a slash at its end, as many recipes have it. The slash takes the place of /v1/.",
        inside="""
    location ^~ /v1/ {
        proxy_pass http://@GATE@/;
        proxy_set_header Host $host;
    }
""",
    ),
)
