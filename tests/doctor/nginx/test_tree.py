"""Files, includes, dumps and pieces become one configuration."""

from __future__ import annotations

from pathlib import Path

from mattegate.doctor.nginx.tree import read_file, read_text


def test_includes_come_in_their_place_in_the_order_of_their_names(tmp_path: Path) -> None:
    """A pattern brings its files in sorted, each directive with its own file and line."""
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d" / "b.conf").write_text("server { listen 81; }\n")
    (tmp_path / "conf.d" / "a.conf").write_text("\nserver { listen 80; }\n")
    main = tmp_path / "nginx.conf"
    main.write_text("events {}\nhttp {\n include conf.d/*.conf;\n}\n")
    tree = read_file(main)
    assert not tree.problems
    servers = [(Path(d.file).name, d.line) for d in tree.directives[1].children]
    assert servers == [("a.conf", 2), ("b.conf", 1)]


def test_nothing_outside_of_the_roots_is_read(tmp_path: Path) -> None:
    """Neither by an absolute name, nor by climbing, nor by a link: it is told instead."""
    secret = tmp_path / "secret.conf"
    secret.write_text("deny all;")
    home = tmp_path / "home"
    home.mkdir()
    (home / "link.conf").symlink_to(secret)
    main = home / "nginx.conf"
    main.write_text(f"http {{ include {secret}; include ../secret.conf; include link.conf; }}")
    tree = read_file(main)
    assert tree.files == (str(main),)
    assert len(tree.unread) == 3
    assert read_file(main, [tmp_path]).files != tree.files


def test_a_file_that_includes_itself_ends(tmp_path: Path) -> None:
    """A loop of includes is told, as nginx would run out of descriptors."""
    main = tmp_path / "nginx.conf"
    main.write_text("http { include nginx.conf; }")
    tree = read_file(main)
    assert "includes itself" in tree.problems[0].says


def test_a_dump_is_read_as_the_files_it_holds() -> None:
    """``nginx -T`` prints every file under its name; includes find them there."""
    dump = (
        "# configuration file /etc/nginx/nginx.conf:\nhttp {\n include conf.d/*.conf;\n}\n"
        "# configuration file /etc/nginx/conf.d/x.conf:\nserver {\n deny all;\n}\n"
    )
    tree = read_text(dump)
    rule = tree.directives[0].children[0].children[0]
    assert (rule.text, rule.file, rule.line) == ("deny all;", "/etc/nginx/conf.d/x.conf", 2)
    assert tree.whole


def test_a_piece_is_put_where_it_belongs() -> None:
    """Servers go into an http block, locations into a server, what only a location may hold into a location."""
    for text, depth in (("server { listen 80; }", 1), ("location / { deny all; }", 2), ("proxy_pass http://a;", 3)):
        directive = read_text(text).directives[0]
        for _ in range(depth):
            assert directive.line == 0
            directive = directive.children[0]
        assert directive.line == 1
        assert not read_text(text).whole


def test_a_missing_file_is_what_nginx_would_stop_at(tmp_path: Path) -> None:
    """A plain include that is not there is a fault; a pattern that fits nothing is none."""
    main = tmp_path / "nginx.conf"
    main.write_text("http { include missing.conf; include none/*.conf; }")
    tree = read_file(main)
    assert [problem.fatal for problem in tree.problems] == [True]
