"""Who a device or the cloud is, and how TLS proves it; must never load the device's keystore by itself."""

from gateway.identity.parties import CloudIdentity, Identity, TlsFiles, load_cloud
from gateway.identity.tls import tls_context
from gateway.identity.trusted import TrustedTime

__all__ = ["CloudIdentity", "Identity", "TlsFiles", "TrustedTime", "load_cloud", "tls_context"]
