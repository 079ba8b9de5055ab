"""Who a device or the cloud is, and how TLS proves it; must never load the device's keystore by itself."""

from gateway.identity.applicant import Applicant
from gateway.identity.files import check_device_id
from gateway.identity.files import read as read_file
from gateway.identity.files import write as write_file
from gateway.identity.issuing import Enrolled, Issued, Issuer
from gateway.identity.parties import CloudIdentity, Identity, TlsFiles, load_cloud
from gateway.identity.tls import tls_context
from gateway.identity.trusted import TrustedTime

__all__ = [
    "Applicant",
    "CloudIdentity",
    "Enrolled",
    "Identity",
    "Issued",
    "Issuer",
    "TlsFiles",
    "TrustedTime",
    "check_device_id",
    "load_cloud",
    "read_file",
    "tls_context",
    "write_file",
]
