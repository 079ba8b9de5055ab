"""Broker URLs: what is taken, and what the message says about what is not."""

import ssl

import pytest

from gateway.errors import ConfigError
from gateway.link import Endpoint


def test_plain_urls() -> None:
    """Host and port, default port, IPv6; the text of an endpoint is a URL again."""
    assert Endpoint.parse("mqtt://localhost:1999") == Endpoint("localhost", 1999)
    assert Endpoint.parse(" mqtt://broker.example/ ").port == 1883
    assert Endpoint.parse("mqtt://[::1]:1884").host == "::1"
    assert str(Endpoint.parse("mqtt://[::1]:1884")) == "mqtt://[::1]:1884"


def test_secure_urls_need_an_identity() -> None:
    """mqtts:// takes a context and its own default port; without one the message says where to get an identity."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    endpoint = Endpoint.parse("mqtts://broker.example", context)
    assert (endpoint.port, endpoint.tls, str(endpoint)) == (8883, context, "mqtts://broker.example:8883")
    with pytest.raises(ConfigError, match="forecourt pki dev"):
        Endpoint.parse("mqtts://broker.example")


def test_a_context_does_not_make_a_plain_url_secure() -> None:
    """mqtt:// stays plain even where an identity is at hand: what the URL says is what happens."""
    assert Endpoint.parse("mqtt://localhost", ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)).tls is None


@pytest.mark.parametrize(
    ("url", "hint"),
    [
        ("localhost:1883", "mqtt://HOST:PORT"),
        ("", "no scheme"),
        ("http://broker", "'http'"),
        ("mqtt://", "names no host"),
        ("mqtt://broker:0", "between 1 and 65535"),
        ("mqtt://broker:70000", "no usable address"),
        ("mqtt://broker:abc", "no usable address"),
        ("mqtt://[::1", "no usable address"),
        ("mqtt://user:secret@broker", "take it out"),
        ("mqtt://broker/topic", "goes on after the port"),
        ("mqtt://broker?x=1", "goes on after the port"),
    ],
)
def test_urls_that_cannot_be_used(url: str, hint: str) -> None:
    """The message says what to write, and never repeats a password."""
    with pytest.raises(ConfigError) as caught:
        Endpoint.parse(url)
    assert hint in str(caught.value)
    assert "secret" not in str(caught.value)


def test_terms_are_checked() -> None:
    """A keep-alive that CONNECT cannot carry is refused."""
    with pytest.raises(ConfigError, match="keepalive_s"):
        Endpoint("localhost", 1883, keepalive_s=0)
