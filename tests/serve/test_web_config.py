from __future__ import annotations

import base64
import logging
import ssl
import sys
from pathlib import Path

import bcrypt
import pytest

from support.certificates import Authority
from vitalspan.errors import ConfigurationError, MissingExtraError
from vitalspan.serve.web_config import WebConfig, WebConfigFile, load_web_config
from vitalspan.serve.web_config.basic_auth import BasicAuth
from vitalspan.serve.web_config.rate_limit import RateLimit

HASH = bcrypt.hashpw(b"open sesame", bcrypt.gensalt(4)).decode()
TLS = "tls_server_config: {cert_file: server.crt, key_file: server.key%s}\n"


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("web")
    authority = Authority(directory)
    authority.issue("server", "127.0.0.1", "localhost")
    authority.issue("other", "127.0.0.1")
    authority.issue("encrypted", "127.0.0.1", password=b"secret")
    (directory / "text.txt").write_text("no certificate")
    (directory / "folder").mkdir()
    return directory


def load(directory: Path, text: str) -> WebConfig:
    file = directory / "web.yml"
    file.write_text(text, encoding="utf-8")
    return load_web_config(file)


def problems(directory: Path, text: str) -> str:
    with pytest.raises(ConfigurationError) as raised:
        load(directory, text)
    message = str(raised.value)
    assert message.startswith(f"{directory / 'web.yml'}:")
    return message.removeprefix(f"{directory / 'web.yml'}:")


def basic(user: str | bytes, password: str | bytes = "") -> str:
    user, password = (x if isinstance(x, bytes) else x.encode() for x in (user, password))
    return "Basic " + base64.b64encode(user + b":" + password).decode()


# --- what is accepted


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# nothing\n",
        "{}",
        "tls_server_config:\nhttp_server_config: {}\nbasic_auth_users:\nrate_limit:\n",
        "tls_server_config: {cert_file: '', key_file: null}",
        "http_server_config: {http2: true}",
        "http_server_config: {http2: false, headers: {X-XSS-Protection: ''}}",
        "rate_limit: {interval: 0, burst: 5}",
        "rate_limit: {interval: '0'}",
    ],
)
def test_a_file_that_asks_for_nothing(directory: Path, text: str) -> None:
    assert load(directory, text) == WebConfig()


def test_the_sample_of_the_toolkit(directory: Path) -> None:
    config = load(
        directory,
        f"""
tls_server_config:
  cert_file: server.crt
  key_file: server.key
basic_auth_users:
  alice: {HASH}
  bob: {HASH}
rate_limit:
  interval: "1s"
  burst: 20
""",
    )
    assert config.tls
    assert config.users
    assert config.users.admits(basic("alice", "open sesame"))
    assert config.rate_limit
    assert [config.rate_limit.admits(0.0) for _ in range(21)] == [True] * 20 + [False]


def test_tls_defaults(directory: Path) -> None:
    tls = load(directory, TLS % "").tls
    assert tls
    context = tls.context
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert context.maximum_version is ssl.TLSVersion.TLSv1_3
    assert context.verify_mode is ssl.CERT_NONE
    assert context.options & ssl.OP_CIPHER_SERVER_PREFERENCE
    assert tls.admits([])


def test_paths_start_at_the_file_and_may_be_absolute(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir("/")
    key = directory / "server.key"
    assert load(directory, f"tls_server_config: {{cert_file: server.crt, key_file: {key}}}").tls


def test_certificate_and_key_inside_the_file(directory: Path) -> None:
    parts = {"cert": "server.crt", "key": "server.key", "client_ca": "ca.crt"}
    text = "tls_server_config:\n  client_auth_type: RequireAndVerifyClientCert\n"
    for field, name in parts.items():
        pem = (directory / name).read_text().replace("\n", "\n    ")
        text += f"  {field}: |\n    {pem}\n"
    tls = load(directory, text).tls
    assert tls
    assert tls.context.verify_mode is ssl.CERT_REQUIRED
    assert tls.context.get_ca_certs()


@pytest.mark.parametrize(
    ("policy", "mode"),
    [
        ("NoClientCert", ssl.CERT_NONE),
        ("VerifyClientCertIfGiven", ssl.CERT_OPTIONAL),
        ("RequireAndVerifyClientCert", ssl.CERT_REQUIRED),
    ],
)
def test_client_auth_type(directory: Path, policy: str, mode: ssl.VerifyMode) -> None:
    ca = "" if mode is ssl.CERT_NONE else ", client_ca_file: ca.crt"
    tls = load(directory, TLS % f", client_auth_type: {policy}{ca}").tls
    assert tls
    assert tls.context.verify_mode is mode


def test_allowed_sans(directory: Path) -> None:
    options = (
        ", client_auth_type: RequireAndVerifyClientCert, client_ca_file: ca.crt,"
        " client_allowed_sans: [prometheus, '2001:db8::1', 'spiffe://a/b']"
    )
    tls = load(directory, TLS % options).tls
    assert tls
    assert tls.admits([("DNS", "other"), ("DNS", "prometheus")])
    assert tls.admits([("IP Address", "2001:DB8:0:0:0:0:0:1\n")])
    assert tls.admits([("URI", "spiffe://a/b")])
    assert not tls.admits([("DNS", "prometheus.example")])
    assert not tls.admits([])


def suites(context: ssl.SSLContext) -> set[str]:
    return {str(suite["name"]) for suite in context.get_ciphers() if suite["protocol"] != "TLSv1.3"}


def test_versions_and_suites(directory: Path) -> None:
    options = (
        ", min_version: TLS12, max_version: TLS12, prefer_server_cipher_suites: false, "
        "cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, TLS_AES_128_GCM_SHA256,"
        " TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256], curve_preferences: [CurveP384]"
    )
    tls = load(directory, TLS % options).tls
    assert tls
    assert tls.context.maximum_version is ssl.TLSVersion.TLSv1_2
    assert not tls.context.options & ssl.OP_CIPHER_SERVER_PREFERENCE
    assert suites(tls.context) == {"ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305"}


def test_suites_of_tls_1_3_alone_mean_tls_1_3(directory: Path) -> None:
    tls = load(directory, TLS % ", cipher_suites: [TLS_AES_256_GCM_SHA384]").tls
    assert tls
    assert tls.context.minimum_version is ssl.TLSVersion.TLSv1_3


def test_headers(directory: Path) -> None:
    config = load(
        directory,
        """
http_server_config:
  http2: true
  headers:
    Strict-Transport-Security: max-age=63072000
    X-Frame-Options: deny
    X-Content-Type-Options: nosniff
    Content-Security-Policy: default-src 'self'; script-src 'none'
""",
    )
    assert config.headers == (
        ("Strict-Transport-Security", "max-age=63072000"),
        ("X-Frame-Options", "deny"),
        ("X-Content-Type-Options", "nosniff"),
        ("Content-Security-Policy", "default-src 'self'; script-src 'none'"),
    )


@pytest.mark.parametrize("sources", ["{A: 1, B: 1}, {B: 2, C: 2}", "{B: 1, A: 1}, {C: 2, B: 2}"])
def test_of_merged_mappings_the_first_wins_and_a_fields_own_value_always(
    directory: Path, sources: str
) -> None:
    """As the YAML merge document says; versions of PyYAML differ in it."""
    names = {
        "A": "Strict-Transport-Security",
        "B": "X-XSS-Protection",
        "C": "Content-Security-Policy",
    }
    for letter, name in names.items():
        sources = sources.replace(f"{letter}: ", f"{name}: v")
    text = f"http_server_config:\n  headers: {{<<: [{sources}], {names['C']}: own}}\n"
    assert dict(load(directory, text).headers) == {
        names["A"]: "v1",
        names["B"]: "v1",
        names["C"]: "own",
    }


# --- what is refused, and how it is said


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[a, b]", "1:1: a list is not a mapping: use fields such as tls_server_config"),
        ("just text", "1:1: this value is not a mapping: use fields such as tls_server_config"),
        ("a: [1", "1:6: not valid YAML: "),
        ("a:\n  b: 1\n c: 2\n", "3:2: not valid YAML: "),
        (
            "tls_server_config: !!python/none x",
            "1:20: the tag 'python/none' is not supported",
        ),
        ("rate_limit: {}\nrate_limit: {}", "2:1: 'rate_limit' is given twice: keep one of them"),
        ("<<: [{}, a]", "1:10: << merges mappings only: use an alias"),
        ("? [1, 2]\n: 3", "1:3: a mapping or a list cannot be a name"),
        ("a: \x01", "1:4: the character U+0001 cannot be in a file: leave it out"),
        ("[" * 10_000, "1:21: is nested too deeply: close every bracket"),
        ("tls_config: {}", "1:1: unknown field 'tls_config': did you mean tls_server_config?"),
        ("1: {}", "1:1: unknown field '1': there are tls_server_config, http_server_config"),
        ("zzz: {}", "1:1: unknown field 'zzz': there are tls_server_config, http_server_config"),
        (
            "tls_server_config: yes",
            "1:20: this value is not a mapping: use fields such as ce",
        ),
        (TLS % ", cert_fil: x", "1:66: unknown field 'cert_fil': did you mean cert_file?"),
        ("tls_server_config: {cert_file: [5], key_file: server.key}", "1:32: a list is not a text"),
        ("tls_server_config: {cert: {}, key_file: server.key}", "1:27: a mapping is not a text"),
        (
            "tls_server_config: {cert_file: server.crt}",
            "1:20: key_file is missing: TLS needs a certificate and a key",
        ),
        ("tls_server_config: {key_file: server.key}", "1:20: cert_file is missing: TLS needs"),
        (
            "tls_server_config: {cert_file: gone.crt, key_file: server.key}",
            "1:21: cert_file {directory}/gone.crt cannot be read: No such file",
        ),
        (
            "tls_server_config: {cert_file: folder, key_file: server.key}",
            "1:21: cert_file {directory}/folder cannot be read: Is a directory",
        ),
        (
            'tls_server_config: {cert_file: "a\\0b", key_file: server.key}',
            "1:21: cert_file 'a\\x00b' is not a path: ",
        ),
        (
            "tls_server_config: {cert_file: text.txt, key_file: server.key}",
            "1:21: certificate and key do not load: ",
        ),
        (
            "tls_server_config: {cert: nothing, key_file: server.key}",
            "1:21: certificate and key do not load: ",
        ),
        (
            "tls_server_config: {cert_file: server.crt, key_file: other.key}",
            "1:21: certificate and key do not load: ",
        ),
        (
            "tls_server_config: {cert_file: encrypted.crt, key_file: encrypted.key}",
            "the key is encrypted; write it without a password",
        ),
        (TLS % ", cert: x", "1:66: cert is given as well as cert_file: leave one"),
        (TLS % ", key: x", "1:66: key is given as well as key_file: leave one out"),
        (
            TLS
            % ", client_ca: x, client_ca_file: ca.crt, client_auth_type: VerifyClientCertIfGiven",
            "1:66: client_ca is given as well as client_ca_file: leave one out",
        ),
        (
            TLS % ", client_auth_type: Maybe",
            "1:84: 'Maybe' is not a choice here: use NoClientC",
        ),
        (
            TLS % ", client_auth_type: RequestClientCert, client_ca_file: ca.crt",
            "nobody verified, which Python's ssl cannot do: use RequireAndVerifyClientCert",
        ),
        (
            TLS % ", client_auth_type: RequireAnyClientCert, client_ca_file: ca.crt",
            "client_auth_type RequireAnyClientCert takes certificates that nobody verified",
        ),
        (
            TLS % ", client_auth_type: RequireAndVerifyClientCert",
            "1:20: client_ca_file is missing: RequireAndVerifyClientCert needs it to verify",
        ),
        (TLS % ", client_ca_file: ca.crt", "1:66: client_ca_file has no effect without client_aut"),
        (
            TLS % ", client_ca_file: gone, client_auth_type: VerifyClientCertIfGiven",
            "client_ca_file {directory}/gone cannot be read: No such file or directory",
        ),
        (
            TLS % ", client_ca_file: text.txt, client_auth_type: VerifyClientCertIfGiven",
            "client_ca_file has no certificate in PEM form",
        ),
        (
            TLS % ", client_ca: text, client_auth_type: VerifyClientCertIfGiven",
            "client_ca has no certificate in PEM form",
        ),
        (
            TLS % ", client_auth_type: VerifyClientCertIfGiven, client_ca_file: ca.crt,"
            " client_allowed_sans: [a]",
            "client_allowed_sans has no effect without client_auth_type: add  client_auth_type: R",
        ),
        (TLS % ", client_allowed_sans: a", "1:87: this value is not a list: use a list of names"),
        (
            TLS % ", client_allowed_sans: [{}]",
            "1:88: a mapping is not a text: use a name such",
        ),
        (
            TLS % ", min_version: TLS11",
            "1:66: min_version TLS11 is broken and not offered",
        ),
        (
            TLS % ", max_version: TLS10",
            "1:66: max_version TLS10 is broken and not offered",
        ),
        (TLS % ", min_version: '1.2'", "1:79: '1.2' is not a choice here: use TLS12, TLS13"),
        (
            TLS % ", min_version: TLS13, max_version: TLS12",
            "max_version is lower than min_version",
        ),
        (TLS % ", cipher_suites: [RC4]", "1:66: cipher_suites cannot have 'RC4': there are TLS_EC"),
        (
            TLS % ", max_version: TLS12, cipher_suites: [TLS_AES_128_GCM_SHA256]",
            "cipher_suites has suites of TLS 1.3 only, but max_version is TLS12",
        ),
        (
            TLS % ", prefer_server_cipher_suites: 1",
            "1:95: '1' is neither true nor false",
        ),
        (TLS % ", curve_preferences: [P9]", "curve_preferences cannot have 'P9': there are Cur"),
        (
            TLS % ", curve_preferences: [CurveP256, CurveP384]",
            "curve_preferences has several, of which Python's ssl takes one",
        ),
        ("http_server_config: {http3: true}", "1:22: unknown field 'http3': did you"),
        ("http_server_config: {http2: 'on'}", "1:29: this value is a text: leave the quotes out"),
        (
            "http_server_config: {headers: {X-Frame-Options: never}}",
            "1:32: X-Frame-Options cannot be 'never': use deny or sameorigin",
        ),
        (
            'http_server_config: {headers: {X-XSS-Protection: "1\\r\\nSet-Cookie: a"}}',
            "1:32: X-XSS-Protection has a character that no header can have",
        ),
        ("http_server_config: {headers: {X-Mine: a}}", "1:32: unknown field 'X-Mine': there are"),
        ("http_server_config: {headers: [a]}", "1:31: a list is not a mapping: use fields such"),
        ("basic_auth_users: {a: plain}", "1:20: the password of a is not a bcrypt hash"),
        ("basic_auth_users: {a: }", "1:20: the password of a is not a bcrypt hash"),
        ("basic_auth_users: {a: [1]}", "1:20: the password of a is not a bcrypt hash"),
        ("basic_auth_users: {a: $2b$99$" + "." * 53 + "}", "1:20: the password of a is not a b"),
        ("basic_auth_users: {'a:b': x}", "1:20: the name of a user cannot have a colon"),
        ("basic_auth_users: {a:$2b$10$abc: x}", "1:20: the name of a user cannot have a colon"),
        ("rate_limit: {interval: fast, burst: 1}", "1:14: interval is not a duration: use 500ms"),
        ("rate_limit: {interval: 5, burst: 1}", "1:14: interval is not a duration: use 500ms or"),
        ("rate_limit: {interval: 1s}", "1:13: burst is not 1 or more, so that no request"),
        ("rate_limit: {interval: 1s, burst: 0}", "1:28: burst is not 1 or more"),
        ("rate_limit: {interval: 1s, burst: true}", "1:35: 'true' is not a whole number fr"),
    ],
)
def test_mistakes_are_named(directory: Path, text: str, message: str) -> None:
    assert message.replace("{directory}", str(directory)) in problems(directory, text)


def test_all_mistakes_at_once(directory: Path) -> None:
    message = problems(
        directory,
        """
tls_server_config: {cert_file: gone.crt, key_file: server.key, min_version: SSL3}
http_server_config: {headers: {X-Content-Type-Options: sniff}}
basic_auth_users: {alice: secret-in-plain-text}
rate_limits: {}
""",
    )
    first, *lines = message.splitlines()
    assert first == " 5 mistakes"
    assert [line.split("web.yml:")[1].split(": ")[0] for line in lines] == [
        "2:21",
        "2:77",
        "3:32",
        "4:20",
        "5:1",
    ]
    assert "secret" not in message


@pytest.mark.parametrize(
    "text",
    [f"basic_auth_users:\n  a: {HASH}\n b: c\n", f'"{HASH}', "\xff"],
    ids=["indented wrongly", "quotes left open", "not UTF-8"],
)
def test_a_syntax_error_shows_no_secret(directory: Path, text: str) -> None:
    file = directory / "web.yml"
    file.write_bytes(text.encode("latin-1"))
    with pytest.raises(ConfigurationError) as raised:
        load_web_config(file)
    assert HASH not in str(raised.value)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"web.yml: cannot be read: No such file"):
        load_web_config(tmp_path / "web.yml")


def test_a_curve_or_suite_that_openssl_lacks(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(context: ssl.SSLContext, name: str) -> None:
        raise ssl.SSLError(f"{name} cannot be used")

    monkeypatch.setattr(ssl.SSLContext, "set_ciphers", refuse)
    monkeypatch.setattr(ssl.SSLContext, "set_ecdh_curve", refuse)
    options = ", curve_preferences: [X25519], cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA]"
    message = problems(directory, TLS % options)
    assert "curve_preferences has X25519, which this Python's OpenSSL lacks" in message
    assert "cipher_suites has none that this Python's OpenSSL has" in message


@pytest.mark.parametrize("module", ["yaml", "bcrypt"])
def test_a_missing_extra(directory: Path, monkeypatch: pytest.MonkeyPatch, module: str) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtraError, match=r"pip install 'vitalspan\[server\]'"):
        load(directory, f"basic_auth_users: {{alice: {HASH}}}")


def test_bcrypt_is_only_needed_for_users(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "bcrypt", None)
    assert load(directory, TLS % "").tls


# --- passwords


@pytest.mark.parametrize(
    ("authorization", "admitted"),
    [
        (basic("alice", "open sesame"), True),
        (basic("alice", "open sesame").replace("Basic", "bASIC"), True),
        (basic("zoë", "pass:with:colons"), True),
        (basic("alice", "pass:with:colons"), False),
        (basic("alice", "Open Sesame"), False),
        (basic("alice", ""), False),
        (basic("mallory", "open sesame"), False),
        (basic("", ""), False),
        (basic("alice", b"open\0sesame"), False),
        (basic(b"\xff\xfe", b"\xff"), False),
        (None, False),
        ("", False),
        ("Basic", False),
        ("Basic !!!", False),
        ("Basic \xe9", False),
        ("Basic " + base64.b64encode(b"alice").decode(), False),
        ("Bearer abc", False),
    ],
)
def test_credentials(authorization: str | None, admitted: bool) -> None:
    other = bcrypt.hashpw(b"pass:with:colons", bcrypt.gensalt(4)).decode()
    users = BasicAuth({"alice": HASH, "zoë": other.replace("$2b$", "$2y$")})
    assert users.admits(authorization) is admitted
    assert users.admits(authorization) is admitted


def test_only_the_first_72_bytes_count_as_in_go() -> None:
    users = BasicAuth({"a": bcrypt.hashpw(b"x" * 72, bcrypt.gensalt(4)).decode()})
    assert users.admits(basic("a", "x" * 100))
    assert not users.admits(basic("a", "x" * 71))


def test_each_password_is_checked_once_and_each_wrong_one_every_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    checked: list[bytes] = []
    real = bcrypt.checkpw

    def check(password: bytes, hashed: bytes) -> bool:
        checked.append(password)
        if password == b"refused":
            raise ValueError("password may not contain NUL bytes")
        return real(password, hashed)

    monkeypatch.setattr(bcrypt, "checkpw", check)
    users = BasicAuth({"alice": HASH})
    assert all(users.admits(basic("alice", "open sesame")) for _ in range(3))
    assert checked == [b"open sesame"]
    # The work is the same whether or not there is such a user.
    for user in ("alice", "mallory"):
        checked.clear()
        assert not any(users.admits(basic(user, "guess")) for _ in range(2))
        assert checked == [b"guess"] * 2
    assert not users.admits(basic("alice", "refused"))


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vitalspan.serve.web_config.basic_auth._MAX_REMEMBERED", 2)
    users = BasicAuth(dict.fromkeys("abc", HASH))
    for name in "abcabc":
        assert users.admits(basic(name, "open sesame"))
        assert len(users._remembered) <= 2
    assert b"open sesame" not in b"".join(users._remembered)


# --- the rate limit


@pytest.mark.parametrize(
    ("interval", "seconds"),
    [("1s", 1.0), ("500ms", 0.5), ("1m30s", 90.0), ("1.5h", 5400.0), ("250us", 0.00025)],
)
def test_durations(directory: Path, interval: str, seconds: float) -> None:
    bucket = load(directory, f"rate_limit: {{interval: {interval}, burst: 1}}").rate_limit
    assert bucket
    assert bucket.admits(100.0)
    assert not bucket.admits(100.0 + seconds * 0.5)
    assert bucket.admits(100.0 + seconds * 1.01)


def test_the_bucket_fills_up_to_its_burst() -> None:
    bucket = RateLimit(interval=10.0, burst=2)
    assert [bucket.admits(0.0) for _ in range(3)] == [True, True, False]
    assert [bucket.admits(1000.0) for _ in range(3)] == [True, True, False]


# --- reading again


def test_a_change_is_taken_over(tmp_path: Path) -> None:
    file = tmp_path / "web.yml"
    file.write_text(f"basic_auth_users: {{alice: {HASH}}}\n")
    watched = WebConfigFile(file)
    before = watched.current()
    assert watched.current() is before
    file.write_text(f"basic_auth_users: {{bob: {HASH}}}\n# longer than before\n")
    users = watched.current().users
    assert users
    assert users.admits(basic("bob", "open sesame"))
    assert not users.admits(basic("alice", "open sesame"))


def test_renewed_certificates_are_taken_over(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    authority.issue("server", "127.0.0.1")
    file = tmp_path / "web.yml"
    file.write_text(TLS % "")
    watched = WebConfigFile(file)
    before = watched.current()
    authority.issue("server", "127.0.0.1", "renewed.example")
    after = watched.current()
    assert after is not before
    assert watched.current() is after


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "TLS or the users were removed"),
        ("basic_auth_users: {alice: HASH}\n", "TLS or the users were removed"),
        (TLS % "", "TLS or the users were removed"),
        ("basic_auth_users: {alice: half-writ", "not valid YAML"),
        ("tls_server_config: {cert_file: server.crt}", "key_file is missing"),
        (None, "cannot be read"),
    ],
)
def test_a_bad_change_opens_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, text: str | None, complaint: str
) -> None:
    Authority(tmp_path).issue("server", "127.0.0.1")
    file = tmp_path / "web.yml"
    good = f"{TLS % ''}basic_auth_users: {{alice: {HASH}}}\n"
    file.write_text(good)
    watched = WebConfigFile(file)
    before = watched.current()
    if text is None:
        file.unlink()
    else:
        file.write_text(text.replace("HASH", HASH))
    assert watched.current() is before
    assert watched.current() is before
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert complaint in record.getMessage()
    assert "stays in force" in record.getMessage()
    file.write_text(good)
    assert watched.current() is not before


def test_users_that_come_without_bcrypt_change_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "web.yml"
    file.write_text("")
    watched = WebConfigFile(file)
    monkeypatch.setitem(sys.modules, "bcrypt", None)
    file.write_text(f"basic_auth_users: {{alice: {HASH}}}\n")
    assert watched.current() == WebConfig()
    assert "pip install 'vitalspan[server]'" in caplog.text


def test_a_file_that_was_missing_is_noticed_when_it_comes(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    authority = Authority(tmp_path)
    authority.issue("server", "127.0.0.1")
    file = tmp_path / "web.yml"
    file.write_text(TLS % "")
    watched = WebConfigFile(file)
    before = watched.current()
    file.write_text("tls_server_config: {cert_file: next.crt, key_file: next.key}\n")
    assert watched.current() is before
    authority.issue("next", "127.0.0.1")
    assert watched.current() is not before
    assert len(caplog.records) == 1
