"""OpenDSR response signatures: SHA-256 of the body by the key of the processor's certificate (7.3, 8.3; FIPS 186)."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from expunge_config import regular_files
from expunge_config.api_settings import OpenDsr
from expunge_orchestrator.errors import KeysError

DOMAIN, SIGNATURE = "X-OpenDSR-Processor-Domain", "X-OpenDSR-Signature"


@dataclass(frozen=True, slots=True)
class Processor:
    """Who signs.

    Attributes:
        certificate: PEM, as controllers download it.
    """

    domain: str
    certificate: bytes
    _key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey = field(repr=False)

    @classmethod
    def load(cls, settings: OpenDsr) -> Processor:
        """Read certificate and key.

        Raises:
            KeysError: One cannot be read, they do not belong together, or the certificate is of another domain.
        """
        try:
            pem = regular_files.read(settings.certificate)
            certificate = x509.load_pem_x509_certificate(pem)
            key = serialization.load_pem_private_key(regular_files.read(settings.key), password=None)
        except (OSError, ValueError, TypeError):
            raise KeysError(
                "Certificate or key of OpenDSR cannot be read.",
                remedy="Check EXPUNGE_API__OPENDSR__CERTIFICATE and KEY.",
            ) from None
        if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) or key.public_key() != (
            certificate.public_key()
        ):
            raise KeysError(
                "Certificate and key of OpenDSR do not belong together.",
                remedy="Give the key that the certificate is of.",
            )
        if settings.domain not in _domains(certificate):
            raise KeysError(
                f"The certificate of OpenDSR is not of {settings.domain}.", remedy="Name the domain that it is of."
            )
        return cls(settings.domain, pem, key)

    def headers(self, body: bytes) -> dict[str, str]:
        """Domain and signature of a body."""
        if isinstance(self._key, rsa.RSAPrivateKey):
            signature = self._key.sign(body, padding.PKCS1v15(), hashes.SHA256())
        else:
            signature = self._key.sign(body, ec.ECDSA(hashes.SHA256()))
        return {DOMAIN: self.domain, SIGNATURE: b64encode(signature).decode()}


def _domains(certificate: x509.Certificate) -> list[str]:
    try:
        named = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return []
    return named.value.get_values_for_type(x509.DNSName)
