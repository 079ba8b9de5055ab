"""An OpenID provider for a desk, in the place of another service's accounts; must never be asked by anybody real."""

from simulators.openid.keys import SigningKey, jws, key_set

__all__ = ["SigningKey", "jws", "key_set"]
