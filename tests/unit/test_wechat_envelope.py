"""Whether a request is WeChat's: signatures, their age, and the three modes."""

import pytest

from service.channels.wechat.envelope import CLOCK_WINDOW_SECONDS, Credentials, Envelope, Letter
from service.channels.wechat.errors import WireError
from service.channels.wechat.simulator.crypto import MessageCipher, signature

# The example values of WeChat's page on message encryption.
TOKEN, AES_KEY, APP_ID = "AAAAA", "A" * 43, "wxba5fad812f8e6fb9"
NOW = 1713424427
NONCE = "415670741"
INNER = "<xml><ToUserName>gh_1</ToUserName><FromUserName>oShopper</FromUserName></xml>"
PLAIN = Envelope(Credentials(token=TOKEN))
ENCRYPTED = Envelope(Credentials(token=TOKEN, app_id=APP_ID, aes_key=AES_KEY))


def plain_query(**changed: str) -> dict[str, str]:
    timestamp = changed.get("timestamp", str(NOW))
    signed = {"signature": signature(TOKEN, timestamp, NONCE), "timestamp": timestamp, "nonce": NONCE}
    return signed | changed


def encrypted_query(encrypted: str, **changed: str) -> dict[str, str]:
    timestamp = changed.get("timestamp", str(NOW))
    signed = {
        "signature": "not what counts here",
        "encrypt_type": "aes",
        "msg_signature": signature(TOKEN, timestamp, NONCE, encrypted),
        "timestamp": timestamp,
        "nonce": NONCE,
    }
    return signed | changed


def sealed(inner: str = INNER, *, app_id: str = APP_ID, key: str = AES_KEY) -> str:
    return MessageCipher(key, app_id).encrypt(inner)


def safe_body(encrypted: str) -> bytes:
    return f"<xml><ToUserName>gh_1</ToUserName><Encrypt><![CDATA[{encrypted}]]></Encrypt></xml>".encode()


def refusal(envelope: Envelope, query: dict[str, str], body: bytes, now: float = NOW) -> WireError:
    with pytest.raises(WireError) as refused:
        envelope.open(query, body, now)
    return refused.value


def test_wechats_own_plain_vector_is_accepted() -> None:
    query = {
        "signature": "899cf89e464efb63f54ddac96b0a0a235f53aa78",
        "timestamp": "1714037059",
        "nonce": "486452656",
        "echostr": "4375120948345356249",
    }
    assert PLAIN.echo(query, 1714037059) == "4375120948345356249"


def test_wechats_own_encrypted_vector_reaches_its_content() -> None:
    encrypted = "ELGduP2YcVatjqIS+eZbp80MNLoAUWvzzyJxgGzxZO/5sAvd070Bs6qrLARC9nVHm48Y4hyRbtzve1L32tmxSQ=="
    query = encrypted_query(encrypted)
    assert query["msg_signature"] == "1b9339964ed2e271e7c7b6ff2b0ef902fc94dea1"
    assert MessageCipher(AES_KEY, APP_ID).decrypt(encrypted) == '{"demo_resp":"good luck"}'
    # Signed, decrypted and of the right AppID; only then it is JSON where a push would be XML.
    assert refusal(ENCRYPTED, query, safe_body(encrypted)).reason.startswith("the body is not well-formed")


def test_a_verification_with_a_wrong_signature_is_refused() -> None:
    with pytest.raises(WireError) as refused:
        PLAIN.echo(plain_query(signature="0" * 40, echostr="1"), NOW)
    assert refused.value.status == 403
    assert PLAIN.echo(plain_query(echostr="1"), NOW) == "1"


def test_a_verification_without_echostr_is_refused() -> None:
    with pytest.raises(WireError) as refused:
        PLAIN.echo(plain_query(), NOW)
    assert refused.value.status == 400


@pytest.mark.parametrize("missing", ["signature", "timestamp", "nonce"])
def test_a_query_that_lacks_a_part_is_refused(missing: str) -> None:
    query = plain_query()
    del query[missing]
    assert refusal(PLAIN, query, INNER.encode()).status == 400


@pytest.mark.parametrize("signed", ["0" * 40, "签名", "\udcff", "A" * 10_000])
def test_a_wrong_signature_is_refused_whatever_its_characters(signed: str) -> None:
    assert refusal(PLAIN, plain_query(signature=signed), INNER.encode()).status == 403


@pytest.mark.parametrize("off", [-CLOCK_WINDOW_SECONDS, 0, CLOCK_WINDOW_SECONDS])
def test_a_timestamp_within_the_window_is_accepted(off: int) -> None:
    assert PLAIN.open(plain_query(), INNER.encode(), NOW + off).fields["ToUserName"] == "gh_1"


@pytest.mark.parametrize("off", [-CLOCK_WINDOW_SECONDS - 1, CLOCK_WINDOW_SECONDS + 1])
def test_a_timestamp_outside_the_window_is_refused_in_each_mode(off: int) -> None:
    encrypted = sealed()
    for refused in (
        refusal(PLAIN, plain_query(), INNER.encode(), NOW + off),
        refusal(ENCRYPTED, encrypted_query(encrypted), safe_body(encrypted), NOW + off),
    ):
        assert refused.status == 403
        assert "clock" in refused.advice


@pytest.mark.parametrize("timestamp", ["-1", "1.5", "１７", "9" * 400, "now"])
def test_a_signed_timestamp_that_is_no_number_is_refused(timestamp: str) -> None:
    assert refusal(PLAIN, plain_query(timestamp=timestamp), INNER.encode()).status == 400


def test_a_plain_push_is_opened() -> None:
    letter = PLAIN.open(plain_query(), INNER.encode(), NOW)
    assert (letter.body, letter.encrypted) == (INNER.encode(), False)


def test_a_safe_push_is_opened() -> None:
    encrypted = sealed()
    letter = ENCRYPTED.open(encrypted_query(encrypted), safe_body(encrypted), NOW)
    assert letter == Letter(
        body=INNER.encode(),
        encrypted=True,
        fields={"ToUserName": "gh_1", "FromUserName": "oShopper"},
    )


def test_of_a_compatible_push_the_encrypted_part_alone_is_believed() -> None:
    encrypted = sealed()
    body = f"<xml><FromUserName>oForged</FromUserName><Encrypt>{encrypted}</Encrypt></xml>".encode()
    assert ENCRYPTED.open(encrypted_query(encrypted), body, NOW).fields["FromUserName"] == "oShopper"


def test_a_compatible_push_is_read_in_plain_where_no_key_is_configured() -> None:
    body = f"<xml><MsgType>text</MsgType><ToUserName>gh_1</ToUserName><Encrypt>{sealed()}</Encrypt></xml>".encode()
    assert PLAIN.open(plain_query(), body, NOW).encrypted is False


def test_a_plain_push_is_refused_where_a_key_is_configured() -> None:
    refused = refusal(ENCRYPTED, plain_query(), INNER.encode())
    assert refused.status == 403
    assert "WECHAT_ENCODING_AES_KEY" in refused.advice


def test_a_plain_push_with_a_signature_for_nothing_encrypted_is_refused() -> None:
    assert refusal(ENCRYPTED, encrypted_query(""), INNER.encode()).status == 403


def test_a_safe_push_without_a_key_says_what_to_set() -> None:
    refused = refusal(PLAIN, plain_query(), safe_body(sealed()))
    assert refused.status == 400
    assert "WECHAT_ENCODING_AES_KEY" in refused.advice


def test_the_plain_signature_does_not_make_up_for_the_one_over_the_encrypted_part() -> None:
    encrypted = sealed()
    query = encrypted_query(encrypted, signature=signature(TOKEN, str(NOW), NONCE), msg_signature="0" * 40)
    assert refusal(ENCRYPTED, query, safe_body(encrypted)).status == 403


def test_a_changed_encrypted_part_is_refused() -> None:
    encrypted = sealed()
    assert refusal(ENCRYPTED, encrypted_query(encrypted), safe_body(sealed())).status == 403


def test_a_push_for_another_app_id_is_refused() -> None:
    encrypted = sealed(app_id="wxother")
    refused = refusal(ENCRYPTED, encrypted_query(encrypted), safe_body(encrypted))
    assert refused.status == 403
    assert "WECHAT_APP_ID" in refused.advice


def test_a_push_encrypted_with_another_key_is_refused() -> None:
    encrypted = sealed(key="B" * 43)
    assert refusal(ENCRYPTED, encrypted_query(encrypted), safe_body(encrypted)).status in (400, 403)


@pytest.mark.parametrize("encrypted", ["A", "A" * 43, "====", "中文", "AAAA", "A" * 64, "%%%", "A" * 20_000])
def test_a_signed_but_unreadable_encrypted_part_is_refused(encrypted: str) -> None:
    assert refusal(ENCRYPTED, encrypted_query(encrypted), safe_body(encrypted)).status in (400, 403)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"<html></html>",
        b"<xml>",
        b"\xff\xfe<\x00x\x00",
        "<xml><Content>退</Content></xml>".encode("gb18030"),
        b"<xml><a>\x00</a></xml>",
        b'<!DOCTYPE x SYSTEM "file:///etc/passwd"><xml></xml>',
        b'<!DOCTYPE x [<!ENTITY e "a">]><xml><Content>&e;</Content></xml>',
        b"<xml>" + b"<a>" * 5000 + b"</a>" * 5000 + b"</xml>",
        b"<xml><MsgId>1</MsgId><MsgId>2</MsgId></xml>",
    ],
)
def test_a_signed_body_that_is_no_document_of_wechats_is_refused(body: bytes) -> None:
    assert refusal(PLAIN, plain_query(), body).status == 400


def test_a_sealed_reply_is_what_wechat_reads() -> None:
    reply = ENCRYPTED.seal("<xml>退货</xml>", NOW)
    fields = PLAIN.open(plain_query(), reply.replace("<xml>", "<xml><MsgType>x</MsgType>", 1).encode(), NOW).fields
    assert fields["MsgSignature"] == signature(TOKEN, fields["TimeStamp"], fields["Nonce"], fields["Encrypt"])
    assert fields["TimeStamp"] == str(NOW)
    assert MessageCipher(AES_KEY, APP_ID).decrypt(fields["Encrypt"]) == "<xml>退货</xml>"


def test_two_replies_are_sealed_with_different_nonces() -> None:
    nonces = {document.split("<Nonce>")[1] for document in (ENCRYPTED.seal("<xml/>", NOW) for _ in range(4))}
    assert len(nonces) == 4


def test_credentials_do_not_show_their_secrets() -> None:
    shown = repr(Credentials(token="the-token", app_id=APP_ID, aes_key="K" * 43))
    assert APP_ID in shown
    assert "the-token" not in shown
    assert "KKK" not in shown


def test_a_key_without_an_app_id_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="AppID"):
        Envelope(Credentials(token=TOKEN, aes_key=AES_KEY))
