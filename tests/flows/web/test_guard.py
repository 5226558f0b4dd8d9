"""Who may use the page: everything that lacks the token, or comes from elsewhere, is refused."""

from pathlib import Path

import pytest
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from flows.web import serve
from flows.web.app import create_app
from flows.web.guard import HEADERS, MAX_FORM_BYTES, Access
from flows.web.site import Site
from tasks.errors import BadInput
from tasks.records import orders
from tests.flows.web.workspaces import small

PORT = 8765
ACCESS = Access("a-token-for-this-test", PORT)
OWN = {"origin": ACCESS.url, "sec-fetch-site": "same-origin"}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return Site(small(tmp_path_factory.mktemp("guard")), ACCESS)


@pytest.fixture
def stranger(site: Site) -> TestClient:
    return TestClient(create_app(site), base_url=ACCESS.url, follow_redirects=False)


@pytest.fixture
def client(stranger: TestClient) -> TestClient:
    stranger.get("/", params={"token": ACCESS.token})
    return stranger


PATHS = ("/", "/live", "/submit", "/workers", "/schedule", "/metrics", "/api/batches", "/static/page.css", "/nothing",
         "/batches/course-1", "/batches/course-1/rows/lesson-1/files/lesson-1.mp4", "/healthz")  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
def test_without_the_token_everything_is_refused(stranger: TestClient, path: str) -> None:
    for answer in (stranger.get(path), stranger.post(path, headers=OWN), stranger.get(f"{path}?token=wrong")):
        assert answer.status_code == 403
        assert "course-1" not in answer.text
    stranger.cookies.set(ACCESS.cookie, ACCESS.token)  # the token itself is not the cookie
    assert stranger.get(path).status_code == 403


def test_the_link_is_exchanged_for_a_cookie_that_scripts_and_other_sites_cannot_use(stranger: TestClient) -> None:
    answer = stranger.get(f"/?token={ACCESS.token}")
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=strict" in cookie
    assert ACCESS.token not in cookie
    assert stranger.get("/").status_code == 200


def test_behind_a_proxy_with_tls_the_cookie_is_for_tls_alone(tmp_path: Path) -> None:
    access = Access(ACCESS.token, PORT, "https://videos.example.org/")
    client = TestClient(create_app(Site(tmp_path, access)), base_url="https://videos.example.org")
    answer = client.get(f"/?token={access.token}", follow_redirects=False)
    assert "Secure" in answer.headers["set-cookie"]
    assert access.link == f"https://videos.example.org/?token={ACCESS.token}"


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "127.0.0.1:1", "localhost.evil.example:8765", ""])
def test_another_host_is_refused(client: TestClient, host: str) -> None:
    assert client.get("/", headers={"host": host}).status_code == 403
    assert client.get("/", headers={"host": f"localhost:{PORT}"}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": f"http://127.0.0.1:{PORT + 1}"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site", "origin": ACCESS.url},
        {"sec-fetch-site": "none"},
        {"sec-fetch-site": "same-origin", "origin": "http://evil.example"},
    ],
)
def test_a_form_of_another_origin_is_refused(client: TestClient, site: Site, headers: dict[str, str]) -> None:
    form = {"csrf": ACCESS.csrf, "kind": "cancel"}
    assert client.post("/batches/course-1/orders", data=form, headers=headers).status_code == 403
    assert not orders.path_of(site.root, "course-1").exists()


@pytest.mark.parametrize("secret", ["", "wrong", ACCESS.token, ACCESS.derived("cookie")])
def test_a_form_without_the_secret_is_refused(client: TestClient, site: Site, secret: str) -> None:
    for form, headers in (({"csrf": secret, "kind": "cancel"}, {}), ({"kind": "cancel"}, {"x-csrf-token": secret})):
        assert client.post("/batches/course-1/orders", data=form, headers={**OWN, **headers}).status_code == 403
    assert client.put("/uploads/x/y", content=b"z", headers={**OWN, "x-csrf-token": secret}).status_code == 403
    assert client.delete("/batches/course-1", headers=OWN).status_code == 403
    assert not orders.path_of(site.root, "course-1").exists()


def test_websockets_are_closed(client: TestClient) -> None:
    with pytest.raises(WebSocketDisconnect), client.websocket_connect("/live"):
        pass


def test_a_form_has_a_limit(client: TestClient) -> None:
    body = b"csrf=" + b"x" * MAX_FORM_BYTES
    assert client.post("/batches/course-1/orders", content=body, headers=OWN).status_code == 413


def test_programs_may_send_the_token_itself_where_they_read(stranger: TestClient) -> None:
    bearer = {"authorization": f"Bearer {ACCESS.token}"}
    assert stranger.get("/metrics", headers=bearer).status_code == 200
    assert stranger.get("/api/batches", headers=bearer).status_code == 200
    assert stranger.get("/", headers=bearer).status_code == 403
    assert stranger.post("/api/batches", headers={**bearer, **OWN}).status_code == 403
    assert stranger.get("/metrics", headers={"authorization": "Bearer wrong"}).status_code == 403


@pytest.mark.parametrize("path", ["/", "/nothing", "/batches/course-1/rows/lesson-1", "/static/page.js"])
def test_every_answer_has_the_headers(client: TestClient, stranger: TestClient, path: str) -> None:
    for answer in (client.get(path), stranger.get(path, headers={"host": "evil.example"})):
        assert {name: answer.headers[name] for name in HEADERS} == HEADERS
        assert "cache-control" in answer.headers
    assert "unsafe" not in HEADERS["content-security-policy"]
    assert "http" not in HEADERS["content-security-policy"]


def test_an_error_of_our_own_is_a_page_with_the_headers(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    client = TestClient(create_app(site), base_url=ACCESS.url, raise_server_exceptions=False)
    client.get("/", params={"token": ACCESS.token})

    def broken() -> None:
        raise RuntimeError("<b>out of order</b>")

    monkeypatch.setattr(site, "names", broken)
    answer = client.get("/")
    assert answer.status_code == 500
    assert "&lt;b&gt;out of order" in answer.text
    assert answer.headers["x-content-type-options"] == "nosniff"


OUTSIDE = ("..", "../..", "..%2f..%2fetc%2fpasswd", "%2e%2e", "%2e%2e%2f%2e%2e", "....//", "..\\..", "%5c..%5c", ".",
           "%00", "/etc/passwd", "%2fetc%2fpasswd", "lesson-1/../../../ledger", "nights.json", "%ff%fe")  # fmt: skip


@pytest.mark.parametrize("name", OUTSIDE)
def test_no_name_of_an_address_leads_out_of_the_workspace(client: TestClient, site: Site, name: str) -> None:
    (site.root / "secret.txt").write_text("this is a secret")
    name = name.replace(".", "%2e")  # else the client shortens the address before it sends it
    addresses = [
        f"/batches/{name}",
        f"/batches/{name}/log",
        f"/batches/{name}/live",
        f"/api/batches/{name}",
        f"/batches/course-1/rows/{name}",
        f"/batches/{name}/rows/lesson-1/files/lesson-1.mp4",
        f"/batches/course-1/rows/{name}/files/lesson-1.mp4",
        f"/batches/course-1/rows/lesson-1/files/{name}",
        f"/batches/course-1/rows/lesson-1/files/{name}secret.txt",
        f"/static/{name}",
        f"/static/{name}/app.py",
        f"/submit/checks/{name}",
        f"/submit/runs/{name}",
    ]
    for address in addresses:
        answer = client.get(address)
        assert answer.status_code == 404, address
        assert "this is a secret" not in answer.text and "root:" not in answer.text
    before = sorted(path for path in site.root.rglob("*"))
    for address in (f"/uploads/{name}/x.csv", f"/uploads/course-1/{name}", f"/uploads/{name}"):
        answer = client.put(address, content=b"id", headers={**OWN, "x-csrf-token": ACCESS.csrf})
        assert answer.status_code in {400, 404, 405}, address
    for form in ({"source": name, "manifest": "x.csv"}, {"source": "inbox", "manifest": name}):
        answer = client.post("/submit/checks", data={"csrf": ACCESS.csrf, **form}, headers=OWN)
        assert answer.status_code == 404
    assert sorted(path for path in site.root.rglob("*")) == before


def test_a_file_that_leads_elsewhere_is_not_served(client: TestClient, site: Site) -> None:
    target = site.root / "videos" / "course-1" / "lesson-3" / "poster.jpg"
    target.unlink()
    target.symlink_to("/etc/passwd")
    assert client.get("/batches/course-1/rows/lesson-3/files/poster.jpg").status_code == 404


@pytest.mark.parametrize(
    ("host", "public", "says"),
    [
        ("0.0.0.0", "", "no encryption"),
        ("::", "", "no encryption"),
        ("videos", "http://videos.example.org", "no encryption"),
        ("127.0.0.1", "videos.example.org", "no address"),
        ("127.0.0.1", "https://videos.example.org/page", "no address"),
    ],
)
def test_the_page_is_not_opened_to_a_network_by_mistake(host: str, public: str, says: str) -> None:
    with pytest.raises(BadInput, match=says):
        serve.check_address(host, public)
    serve.check_address("0.0.0.0", "https://videos.example.org")
    serve.check_address("::1", "")


def test_a_token_that_is_kept_is_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(serve.TOKEN, "short")
    with pytest.raises(BadInput, match="openssl"):
        serve._token()
    monkeypatch.setenv(serve.TOKEN, "a" * 32)
    assert serve._token() == "a" * 32
    monkeypatch.delenv(serve.TOKEN)
    assert serve._token() != serve._token()
